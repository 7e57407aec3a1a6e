"""The default config: the fields of all runs, and those of the chosen methods.

The fields are defined in sgae/base_config.py (all runs) and in
sgae/methods/<method>/config.py (each method), each with a comment.
"""

from sgae.base_config import get_config

__all__ = ["get_config"]
