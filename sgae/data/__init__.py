"""Where examples come from, in which order, and how they reach the devices.

`sources.py` loads the data set that `config.data` names (one file for each source:
digits, mixture, npz, folder, stacked, tfds), `cache.py` keeps decoded data sets, and
`order.py` is the stateless shuffle. Training images are resident on the devices
(`resident.py`) or streamed (`stream.py`); `placement.py` chooses. `prepare.py` is the
only file that imports TensorFlow.
"""
