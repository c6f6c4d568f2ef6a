"""The archive is the tree and nothing else, byte for byte the same wherever the store lies."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.stores import a_bento, a_model

from e2i.api.tags import Tag
from e2i.archive.bento_store import find_bento
from e2i.archive.canonical_tar import ArchiveStream, archive_size
from e2i.archive.errors import BentoChanged

TAG = Tag("churn", "1.0.0")


def tar_of(store: Path) -> bytes:
    with ArchiveStream(find_bento(store, TAG).pieces) as stream:
        return stream.readall()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    a_bento(tmp_path / "store")
    return tmp_path / "store"


def test_the_same_tree_elsewhere_at_another_time_is_the_same_archive(store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "copy", symlinks=True, copy_function=shutil.copyfile)
    (tmp_path / "copy/bentos/churn/1.0.0/env/docker/entrypoint.sh").chmod(0o700)
    os.utime(tmp_path / "copy/bentos/churn/1.0.0/bento.yaml", (1, 1))
    assert tar_of(store) == tar_of(tmp_path / "copy")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda folder: (folder / "src/service.py").write_text("# other\n"), id="a content"),
        pytest.param(lambda folder: (folder / "src/new").mkdir(), id="an empty folder"),
        pytest.param(lambda folder: (folder / "src/service.py").chmod(0o755), id="a program"),
        pytest.param(lambda folder: (folder / "src/also.py").symlink_to("service.py"), id="a link"),
    ],
)
def test_another_tree_is_another_archive(store: Path, change: Callable[[Path], object]) -> None:
    before = tar_of(store)
    change(store / "bentos/churn/1.0.0")
    assert tar_of(store) != before


def test_another_model_under_the_same_tag_is_another_archive(store: Path) -> None:
    before = tar_of(store)
    a_model(store, "weights:7", size=1001)
    assert tar_of(store) != before


def test_the_size_is_known_before_the_first_byte(store: Path) -> None:
    (store / "bentos/churn/1.0.0/src" / ("long" * 40)).write_text("a long name takes more blocks")
    assert len(tar_of(store)) == archive_size(find_bento(store, TAG).pieces)


def test_gnu_tar_unpacks_it_into_a_folder_that_is_there(store: Path, tmp_path: Path) -> None:
    folder = store / "bentos/churn/1.0.0"
    long_name = folder / "src" / ("ä" * 120)
    long_name.write_text("long")
    (folder / "src/also.py").symlink_to("service.py")
    (tmp_path / "a.tar").write_bytes(tar_of(store))
    (tmp_path / "out").mkdir(mode=0o700)
    done = subprocess.run(
        ["tar", "-xvf", tmp_path / "a.tar", "-C", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "out/models/weights/latest").read_text() == "7"
    assert os.readlink(tmp_path / "out/src/also.py") == "service.py"
    shutil.rmtree(tmp_path / "out/models")
    compared = subprocess.run(["diff", "-r", folder, tmp_path / "out"], capture_output=True, text=True)
    assert compared.stdout == ""


def test_owners_and_modes_are_normal_ones(store: Path, tmp_path: Path) -> None:
    (store / "models/weights/7").chmod(0o700)
    (store / "models/weights/7/weights.bin").chmod(0o600)
    (tmp_path / "a.tar").write_bytes(tar_of(store))
    with tarfile.open(tmp_path / "a.tar") as archive:
        members = archive.getmembers()
    assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 315532800)}
    assert {member.mode for member in members if member.isdir()} == {0o755}
    assert {member.name for member in members if member.mode == 0o755 and member.isfile()} == {
        "env/docker/entrypoint.sh"
    }
    assert "." not in {member.name for member in members}


def _rewrite(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def _rewrite_with_the_same_time(file: Path) -> None:
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    _rewrite(file)
    os.utime(file, ns=times)


def _truncate(file: Path) -> None:
    os.truncate(file, 10)


def _replace_by_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/hostname")


def _replace_by_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


CHANGES = [_rewrite, _rewrite_with_the_same_time, _truncate, Path.unlink, _replace_by_link, _replace_by_fifo]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_after_it_was_listed_is_noticed(
    store: Path, change: Callable[[Path], None]
) -> None:
    bento = find_bento(store, TAG)
    change(store / "models/weights/7/weights.bin")
    with pytest.raises(BentoChanged, match=r"weights\.bin"), ArchiveStream(bento.pieces) as stream:
        stream.readall()


def test_a_file_that_changes_while_it_is_read_is_noticed(store: Path) -> None:
    weights = a_model(store, size=3 << 20) / "weights.bin"
    with ArchiveStream(find_bento(store, TAG).pieces) as stream:
        stream.read(1 << 20)
        _rewrite(weights)
        with pytest.raises(BentoChanged, match=r"weights\.bin"):
            stream.readall()


def test_the_archive_of_a_known_tree_never_changes(tmp_path: Path) -> None:
    # Another value gives every bento of every user a new artifact: change it only on purpose.
    a_bento(tmp_path)
    assert hashlib.sha256(tar_of(tmp_path)).hexdigest() == (
        "15f6a4a923dcd4e74632b4bb2ee1c692f56f22ff129cb04670b94eb647dbab41"
    )
