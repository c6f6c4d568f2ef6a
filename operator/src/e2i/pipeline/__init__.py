"""The loop: from data to a released model, and back when the data has changed."""
