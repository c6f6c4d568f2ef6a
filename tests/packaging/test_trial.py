"""A trial serves what is in the bento's archive, also on a Python without the filters of tarfile (before 3.11.4)."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from support.stores import a_bento

from e2i.api.tags import Tag
from e2i.archive.bento_store import find_bento
from e2i.packaging.errors import PackagingError
from e2i.packaging.trial import unpack
from e2i.packaging.trial_server import running_server

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


def test_the_server_of_a_trial_leaves_its_temporary_files_where_the_trial_goes(tmp_path: Path) -> None:
    """BentoML's workers make folders for temporary files, and leave them."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$TMPDIR" > "told"\nexit 3\n')
    python.chmod(0o755)
    home = tmp_path / "home"
    with (
        pytest.raises(PackagingError, match="it ended with 3"),
        running_server(python, tmp_path / "bento", home),
    ):
        pass
    folder = Path((home / "told").read_text().strip())
    assert folder.is_dir()
    assert folder.is_relative_to(home)
