"""For those who deploy and call models from Python."""
