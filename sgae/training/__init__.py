"""Training: a run from its config to its last phase.

`run.py` checks, loads and goes through the phases, `loop.py` is the loop of one phase,
`calls.py` the compiled calls that all training is made of, also that of small networks
without files; `signals.py` handles Ctrl-C, `start.py` starts a run from Python.
"""
