"""A trial serves what is in the bento's archive, also on a Python without the filters of tarfile (before 3.11.4)."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from support.stores import a_bento

from e2i.api.tags import Tag
from e2i.archive.bento_store import find_bento
from e2i.packaging.trial import unpack

EXTRACT_ALL = tarfile.TarFile.extractall


def extract_all_of_3_11_2(archive: tarfile.TarFile, path: Any = ".", members: Any = None) -> None:
    archive.extraction_filter = lambda member, _: member
    EXTRACT_ALL(archive, path, members)


@pytest.mark.parametrize("old", [False, True], ids=["this Python", "Python 3.11.2"])
def test_a_bento_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, old: bool) -> None:
    if old:
        monkeypatch.setattr(tarfile.TarFile, "extractall", extract_all_of_3_11_2)
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    a_bento(tmp_path / "store")
    unpack(find_bento(tmp_path / "store", Tag("churn", "1.0.0")), tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "src" / "service.py").read_text() == "# the service\n"
