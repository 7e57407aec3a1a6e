"""What a run leaves on disk: its directory, checkpoints, and comparisons of runs.

`directory.py` says what a run directory holds, `checkpoints.py` and `checksums.py` save
and restore states, `load.py` reads a run back. `comparable.py`, `compare.py` and
`curves.py` are pure functions that compare runs, `compare_directories.py` reads and
writes the files.
"""
