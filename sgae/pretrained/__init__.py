"""Feature networks that are shipped, and the command that makes them: `__main__.py`."""
