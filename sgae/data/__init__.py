"""Where examples come from, in which order, and how they reach the devices.

`sources.py` opens `config.data` (one file for each kind: digits, mixture, npz, folder,
stacked, tfds), `cache.py` keeps what was decoded, `order.py` is the stateless shuffle.
Training images are resident on the devices (`resident.py`) or streamed (`stream.py`);
`placement.py` chooses. `prepare.py` is the only file that imports TensorFlow.
"""
