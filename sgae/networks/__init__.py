"""Networks as pairs of pure functions, (init, apply): see `network.py`.

One file for each architecture, `sparsity.py` for the maps to sparse codes,
`normalization.py` and `layers.py` for what they share. `build.py` alone reads a config.
"""
