"""The seam to a language model, and the devices behind it."""
