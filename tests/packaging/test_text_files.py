"""Text files as people's tools save them."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2i.packaging.data import read_table
from e2i.packaging.describe import read_pins
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.text_files import read_text

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_requirements_are_read_in_every_encoding_that_powershell_writes(
    tmp_path: Path, encoding: str
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_bytes("scikit-learn==1.9.1\r\npandas==2.3.3\r\n".encode(encoding))
    assert [(pin.name, pin.version) for pin in read_pins(file)] == [
        ("scikit-learn", "1.9.1"),
        ("pandas", "2.3.3"),
    ]


@pytest.mark.parametrize("encoding", ENCODINGS[:3])
def test_a_csv_is_read_in_them_too(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes("größe,label\n1,ja\n2,nein\n".encode(encoding))
    assert list(read_table(file).columns) == ["größe", "label"]


def test_another_encoding_is_named_with_the_next_step(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_bytes(b"# f\xfcr das Modell\n")
    with pytest.raises(PackagingError, match=r"byte 3 is 0xfc.*Save it as UTF-8") as found:
        read_text(file)
    assert found.value.reason is ErrorReason.FileUnreadable


def test_a_path_of_conda_is_named_with_the_command_that_prints_versions(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("numpy @ file:///croot/numpy_1708/work\n")
    with pytest.raises(PackagingError, match="pip list --format=freeze"):
        read_pins(file)


def test_training_data_of_a_spreadsheet_is_told_how_it_is_converted(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("größe;label\n1,5;a\n", encoding="utf-8-sig")
    with pytest.raises(PackagingError, match="separated by semicolons, not by commas"):
        read_table(file)
