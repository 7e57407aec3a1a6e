"""Losses and penalties: pure functions of arrays and callables, never of a config.

`adversarial.py` on logits, `penalties.py` on a discriminator's gradients, `sparsity.py`
on codes, `reconstruction.py` on images. A new penalty goes to those of its kind.
"""
