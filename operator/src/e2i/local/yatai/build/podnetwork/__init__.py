"""A folder for PYTHONPATH: its `sitecustomize` is loaded by every Python that is started with it."""
