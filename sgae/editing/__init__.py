"""Images of a trained generator, found again and edited.

`space.py` says where images are points: codes or latents. `inversion.py` and `edits.py`
are the pure functions, `invert.py` and `edit.py` the modes of the command line, and
`figures.py` measures edits of several runs (`python -m sgae.editing`).
"""
