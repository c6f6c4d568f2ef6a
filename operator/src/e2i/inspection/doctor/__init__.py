"""Judges an installation of the operator and of what it needs, for `kubectl e2i doctor`.

facts.py is what is seen of a cluster; the checks are pure functions of it.
"""
