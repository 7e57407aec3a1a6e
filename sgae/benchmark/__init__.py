"""Speed compared with PyTorch on the same machine: `python -m sgae.benchmark`.

configs/benchmark.py lists what is timed, `rows.py` says what a row is; `ours.py` and
`pytorch*.py` are the sides, `worker.py` is the process that each runs in. `growth.py`
shows how cost grows with size.
"""
