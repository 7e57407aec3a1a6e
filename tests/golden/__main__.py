"""Writes golden records again, after an intended change of the numbers.

python -m tests.golden         all of them
python -m tests.golden digits  those that are named
"""

import sys
import tempfile
from pathlib import Path

from tests.golden.runs import NAMES, write

names = sys.argv[1:] or NAMES
if unknown := [name for name in names if name not in NAMES]:
  sys.exit(f"no record is called {unknown[0]!r}: choose from {', '.join(NAMES)}")
for name in names:
  with tempfile.TemporaryDirectory() as directory:
    write(name, Path(directory) / "run")
