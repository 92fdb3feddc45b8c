"""Judges of a book, all by code."""
