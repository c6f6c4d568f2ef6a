"""A project's CSV: texts that look like numbers, or like nothing, reach the model as they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.smallproject import change_project, write_project

from e2i.pipeline.errors import PipelineError
from e2i.pipeline.project import read_project
from e2i.pipeline.rows import in_declared_kinds, read_rows

HEADER = "pressure,wind,{column},rain\n"


def rows_of(tmp_path: Path, column: str, cells: list[str], kind: str | None) -> Any:
    """Return the rows of a project with the feature `column`, as the step `data` reads them."""
    folder = write_project(tmp_path / "rain")
    change_project(folder, features={"pressure": {}, column: {"kind": kind} if kind else {}})
    file = tmp_path / "days.csv"
    lines = [f"{1000 + n},2,{cell},wet\n" for n, cell in enumerate(cells)]
    file.write_text(HEADER.format(column=column) + "".join(lines))
    project = read_project(folder)
    return in_declared_kinds(read_rows(folder, project, file), project)


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["01234", "99"], ["01234", "99"]),
        (["NA", "DE"], ["NA", "DE"]),
        (["1", "2"], ["1", "2"]),
        (["DE", ""], ["DE", None]),
        (["12345678901234567890", "1.0"], ["12345678901234567890", "1.0"]),
    ],
)
def test_a_declared_category_is_read_as_it_is_written(
    tmp_path: Path, cells: list[str], read: list[str | None]
) -> None:
    found = rows_of(tmp_path, "place", cells, "category")["place"]
    assert [None if value is None or value != value else value for value in found] == read


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            ["99", "01234"],
            "place is '01234' in row 1 of the CSV (counted from 0), and was read as the number 1234",
        ),
        (["DE", "NA"], "place is 'NA' in row 1 of the CSV (counted from 0), and was read as a missing value"),
    ],
)
def test_a_doubtful_column_without_a_kind_is_refused(tmp_path: Path, cells: list[str], said: str) -> None:
    with pytest.raises(PipelineError) as refused:
        rows_of(tmp_path, "place", cells, None)
    assert said in str(refused.value)
    assert "Declare `kind: category` or `kind: number`" in str(refused.value)


def test_a_word_for_nothing_among_numbers_is_a_missing_number(tmp_path: Path) -> None:
    found = rows_of(tmp_path, "place", ["1.5", "NA"], None)["place"]
    assert found.isna().tolist() == [False, True]


def test_a_column_that_is_no_feature_may_look_like_anything(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "rain")
    change_project(folder, features={"pressure": {}})
    file = tmp_path / "days.csv"
    file.write_text("id,pressure,rain\n0001,1000,wet\n")
    assert len(read_rows(folder, read_project(folder), file)) == 1
