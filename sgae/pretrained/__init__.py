"""Shipped feature networks, and the command that makes them: see __main__.py."""
