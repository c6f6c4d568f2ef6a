"""Prometheus' text format, as far as the operator reads it from pods. Pure.

Not the parser of prometheus_client: that one takes ten times as long, and pods are read every second after a switch.
"""

from __future__ import annotations

import re

LABELS = r'(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*'
"""All labels of a series, as written between the braces."""
NUMBER = r"[0-9]{1,30}(?:\.[0-9]{1,30})?(?:e[+-]?[0-9]{1,2})?"
"""A finite number that is not negative."""
_ESCAPED = re.compile(r"\\(.)")


def label_value(written: str) -> str:
    r"""Return the value of a label without its escapes: a\"b -> a"b"""
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], written)
