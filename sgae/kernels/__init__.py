"""The fast forms of a few operations, each behind one plain function.

Convolutions (`convolution.py`, `winograd.py`), dense and sparse products (`dense.py`,
`sparse.py`, `gathering.py`), `top_k.py`, a loss with penalties by one backward pass
(`one_pass_penalty.py`), batches in parts (`microbatches.py`), and reductions over a
batch that is spread over devices (`collectives.py`). Not needed to understand a method:
each has a plain reference beside it, which `switch.py` takes instead.
"""
