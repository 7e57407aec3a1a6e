"""Measures of samples and codes: pure functions of arrays.

One file for each kind. Each measure returns values with standard errors
(`estimate.py`); `suite.py` computes several of them on the same features.
"""
