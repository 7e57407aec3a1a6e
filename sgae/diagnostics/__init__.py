"""Warnings about a run, found in its metric records by the rules of its methods."""
