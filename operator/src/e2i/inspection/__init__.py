"""Reads a model and its children into one document, for everybody who shows or follows a release."""
