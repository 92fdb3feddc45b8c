"""What judges Python: its environments, pylint and pytest."""
