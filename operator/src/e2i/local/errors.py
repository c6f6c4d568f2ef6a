"""The error of the local cluster's commands."""

from __future__ import annotations


class ClusterError(Exception):
    """Something outside the program is wrong; the message says what is wrong and what to do next."""
