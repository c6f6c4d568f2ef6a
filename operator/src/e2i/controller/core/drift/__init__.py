"""Drift of a model's inputs: figures of its pods in, what has drifted out. Pure."""
