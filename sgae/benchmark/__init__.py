"""Speed compared with PyTorch on the same machine: `python -m sgae.benchmark`.

configs/benchmark.py lists what is timed, `rows.py` says what a row is; `ours.py` and
`pytorch*.py` are the sides, `worker.py` is the process that each runs in. `growth.py`
shows how cost grows with size. `quality.py` compares the time until samples are good:
`quality_ours.py` and `quality_pytorch.py` are its sides, which hand over `looks.py`,
and `quality_measure.py` measures their samples.
"""
