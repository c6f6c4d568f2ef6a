"""Versions of objects are compared as numbers of any length; what is no number has no order."""

from __future__ import annotations

import pytest

from e2i.kube.versions import is_earlier, later


@pytest.mark.parametrize(
    ("first", "second", "newer", "earlier"),
    [
        pytest.param("9", "10", "10", True, id="by its value and not by its characters"),
        pytest.param("10", "9", "10", False, id="the later one first"),
        pytest.param("7", "7", "7", False, id="no version is earlier than itself"),
        pytest.param("8" * 40, "9" * 40, "9" * 40, True, id="longer than any machine's number"),
        pytest.param("", "7", "7", False, id="none has no order"),
        pytest.param("7", "abc", "abc", False, id="a text has no order"),
        pytest.param("\u0667", "8", "8", False, id="digits of other scripts are none of the API server's"),
    ],
)
def test_two_versions(first: str, second: str, newer: str, earlier: bool) -> None:
    assert later(first, second) == newer
    assert is_earlier(first, second) is earlier
