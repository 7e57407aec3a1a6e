"""The classifier, whose hidden layer serves as feature extractor of its data set.

`config` (its fields), `checks`, `tasks` (labels or rotations), `train` (state and
step), `program` (binds them all), `evaluate`, `extractor`, `report`, `method` (what the
rest of the package knows).
"""

from sgae import lazy

_HERE = "sgae.methods.classifier"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
