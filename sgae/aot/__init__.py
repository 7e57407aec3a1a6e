"""Compiles training for a TPU slice that is not here, and says what it would cost.

`compile.py` is `--mode=compile`; it starts `__main__.py`, which compiles each phase.
`hlo.py` parses the program that comes out, `costs.py` counts its work, `roofline.py`
knows the chips and their least times, `report.py` prints.
"""
