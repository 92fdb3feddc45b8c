"""`python -m l2mac` is `l2mac`."""

from .panel.cli import main

main()
