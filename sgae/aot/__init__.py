"""Compiles training for a TPU slice that is not here, and estimates its speed.

`compile.py` is `--mode=compile`; it starts `__main__.py`, which compiles each phase.
`hlo.py` parses the compiled program, `costs.py` counts its work, `roofline.py` has the
chips' peaks and computes the least time of a step, `report.py` prints.
"""
