"""Measures of samples and codes: arrays in, numbers out, nothing read or written.

One file for each kind; `suite.py` computes several of them on the same features, and
`estimate.py` is what each returns: a value with its standard error.
"""
