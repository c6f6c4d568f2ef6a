"""Copies a release that served in one environment into the folder of the next one.

evidence.py decides from the model's status whether it may, environment_folder.py writes the manifest.
"""
