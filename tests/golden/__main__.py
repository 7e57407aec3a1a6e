"""Writes the golden records anew, after a change of the numbers that is meant.

python -m tests.golden
"""

import tempfile
from pathlib import Path

from tests.golden.runs import NAMES, write

for name in NAMES:
  with tempfile.TemporaryDirectory() as directory:
    write(name, Path(directory) / "run")
