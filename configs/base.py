"""Fields that all runs have, and those of the methods that a config names.

The fields themselves stand in sgae/base_config.py (all runs) and in
sgae/methods/<method>/config.py (each method), every one with a comment.
"""

from sgae.base_config import get_config

__all__ = ["get_config"]
