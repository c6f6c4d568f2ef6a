"""The pipeline, a loop: from data to a released model, and again from the start when the data have changed."""
