"""A CSV file of a spreadsheet is recognised by its only column."""

from __future__ import annotations

import pytest

from e2i.csv_separator import other_separator


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["age;income"], ["separated by semicolons", "sep=';', decimal=\",\"", "without decimal="]),
        (["age\tincome"], ["separated by tabs", r"sep='\t')"]),
        (["age|income"], ["separated by bars"]),
    ],
)
def test_another_separator_is_named_with_the_way_to_convert_the_file(
    columns: list[str], words: list[str]
) -> None:
    wrong = other_separator(columns)
    assert [word for word in words if word not in wrong] == []


@pytest.mark.parametrize("columns", [[], ["age"], ["age;years", "income"]])
def test_columns_that_are_separated_by_commas_are_fine(columns: list[str]) -> None:
    assert other_separator(columns) == ""
