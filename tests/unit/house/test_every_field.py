"""Every field of an E2IModel's spec has a row that proves its effect, and every row has a field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.crd_fields import defaults_in_lists, leaves
from support.field_rows import ROWS, Shown

PROJECT = Path(__file__).resolve().parents[3]
FIELDS = list(leaves("spec"))
NAMED = sorted({test for row in ROWS.values() if isinstance(row, Shown) for test in row.tests})


def test_every_field_has_a_row_and_every_row_a_field() -> None:
    """If not: add or remove a row in tests/support/field_rows.py."""
    assert sorted(set(FIELDS) - set(ROWS)) == [], "fields without a row"
    assert sorted(set(ROWS) - set(FIELDS)) == [], "rows without a field"


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_a_row_names_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    assert re.search(rf"def {re.escape(function)}\(", (PROJECT / file).read_text())


def test_no_field_of_a_list_has_a_default() -> None:
    """The API server would write it into the list, and a diff as Argo CD makes it would show it for ever."""
    assert list(defaults_in_lists("spec")) == []
