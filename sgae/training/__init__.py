"""Training: a run from its config to its last phase.

`run.py` checks the config, loads the data and trains the phases in order; `loop.py` is
the loop of one phase, `batches.py` refuses batches that do not fit, `calls.py` iterates
over its compiled calls, `start_from.py` reads the weights of another run, `recorder.py`
writes metrics and checkpoints, `clock.py` measures time, `signals.py` handles Ctrl-C,
and `start.py` trains from Python.
"""
