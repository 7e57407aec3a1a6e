"""Speed compared with PyTorch on the same machine: `python -m sgae.benchmark`.

`rows.py` lists what is timed, `ours.py` and `pytorch*.py` are the two sides, and each
runs in a process of `worker.py`. `growth.py` measures how cost grows with size,
`mixtures.py` trains many seeds on data whose modes can be counted.
"""
