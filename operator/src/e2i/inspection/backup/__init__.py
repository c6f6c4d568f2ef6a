"""Backups of models: the document, reading it, and what a restore writes. Pure."""
