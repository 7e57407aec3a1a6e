"""What goes wrong in a run, read from its metrics alone.

`rules.py` has one rule for each warning, `health.py` applies them to records.
"""
