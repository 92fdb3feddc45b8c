"""Writes one function, with its tests, in one language."""
