"""The one exception by which the local cluster gives up."""

from __future__ import annotations


class ClusterError(Exception):
    """Something outside the program is wrong; the message says in plain words what, and what to do next."""
