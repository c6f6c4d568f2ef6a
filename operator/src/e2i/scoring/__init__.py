"""Scores the rows of a file with a model: `e2i score`."""
