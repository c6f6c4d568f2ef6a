"""A page that names a test as its proof names one that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGES = sorted((TESTS.parent / "docs").rglob("*.md"))
NAMED = re.compile(r"`(test_\w+)`")
DEFINED = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def defined() -> frozenset[str]:
    return frozenset(name for file in TESTS.rglob("test_*.py") for name in DEFINED.findall(file.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_named_test_exists(page: Path, defined: frozenset[str]) -> None:
    assert set(NAMED.findall(page.read_text())) <= defined
