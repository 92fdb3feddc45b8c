"""What makes the machine write code, or books."""
