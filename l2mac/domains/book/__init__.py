"""Books: the same machine, another kind of output."""
