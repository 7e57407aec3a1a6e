"""Training: a run from its config to its last phase.

`run.py` checks, loads and goes through the phases, `loop.py` is the loop of one phase,
`in_memory.py` trains small networks without files, `signals.py` handles Ctrl-C.
"""
