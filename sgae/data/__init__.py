"""Where examples come from, in which order, and how they reach the devices.

`sources.py` loads the data set that `config.data` names (one file for each source:
digits, mixture, npz, folder, parquet, idx, vectors, stacked, tfds), `checks.py` refuses
wrong fields, `cache.py` keeps decoded data sets, and `order.py` is the stateless
shuffle. What the sources of a user's own files share: `store.py` (folders, archives),
`layout.py` and `splits.py` (names of splits and classes), `label_files.py` and
`labels.py` (labels), `pixels.py` (decoding) and `holdout.py` (the test split);
`reading.py` says what was read, `new_images.py` reads images that belong to no data
set. A second side is a source too, or made of the first (`derived.py`), or comes in
pairs with it (`pairs.py`); `second.py` has its fields. Training images are resident on
the devices (`resident.py`) or streamed (`stream.py`); `placement.py` chooses, and
`augment.py` mirrors and moves them. `prepare.py` is the only file that imports
TensorFlow.
"""
