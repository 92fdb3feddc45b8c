"""Judges of files, and the verdict drawn from what they find."""
