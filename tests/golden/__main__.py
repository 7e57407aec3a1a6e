"""Writes the golden records again, after an intended change of the numbers.

python -m tests.golden
"""

import tempfile
from pathlib import Path

from tests.golden.runs import NAMES, write

for name in NAMES:
  with tempfile.TemporaryDirectory() as directory:
    write(name, Path(directory) / "run")
