"""Program memory: the program as values, its validation, and the forms in which it is read."""
