"""Nothing that an archive says leads out of its folder, and nothing that it holds fills the disk."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest

from e2i.local.yatai.build import BuildError
from e2i.local.yatai.build.archive import check, unpack


def a_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, size
    return member


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        pytest.param([a_member("/etc/passwd")], "leads out of it", id="absolute path"),
        pytest.param([a_member("../x")], "leads out of it", id="climbing path"),
        pytest.param([a_member("a/../../x")], "leads out of it", id="hidden climb"),
        pytest.param([a_member("a\0b")], "leads out of it", id="zero byte"),
        pytest.param([a_member("l", tarfile.SYMTYPE, "/etc")], "outside of it", id="absolute link"),
        pytest.param([a_member("d/l", tarfile.SYMTYPE, "../../x")], "leads out of it", id="climbing link"),
        pytest.param([a_member("h", tarfile.LNKTYPE, "../x")], "leads out of it", id="climbing hard link"),
        pytest.param([a_member("h", tarfile.LNKTYPE, "x")], "no earlier file", id="hard link to nothing"),
        pytest.param(
            [a_member("l", tarfile.SYMTYPE, "d"), a_member("l/x")], "below something", id="below a link"
        ),
        pytest.param([a_member("f"), a_member("f/x")], "below something", id="below a file"),
        pytest.param([a_member("f"), a_member("./f")], "twice", id="twice"),
        pytest.param([a_member("f", tarfile.CHRTYPE)], "no file, folder or link", id="device"),
        pytest.param([a_member("f", tarfile.FIFOTYPE)], "no file, folder or link", id="pipe"),
        pytest.param([a_member("f", tarfile.GNUTYPE_SPARSE)], "no file, folder or link", id="sparse file"),
        pytest.param([a_member("f", size=10**9)], "make room", id="too large"),
    ],
)
def test_an_unsafe_member_is_refused(members: list[tarfile.TarInfo], sentence: str) -> None:
    for member in members:
        if member.type == tarfile.GNUTYPE_SPARSE:
            member.sparse = []  # type: ignore[attr-defined]
    with pytest.raises(BuildError, match=sentence):
        check(members, room=10**6)


def test_links_inside_the_tree_are_allowed() -> None:
    members = [
        a_member("./", tarfile.DIRTYPE),
        a_member("./a/", tarfile.DIRTYPE),
        a_member("./a/f"),
        a_member("./a/l", tarfile.SYMTYPE, "../a/f"),
        a_member("./h", tarfile.LNKTYPE, "./a/f"),
    ]
    check(members, room=10**6)


def an_archive(folder: Path, mode: str) -> Path:
    """As `bentoml export` writes it: a root folder that only its owner may enter."""
    file = folder / "bento.tar"
    with tarfile.open(file, mode) as tar:
        root = a_member(".", tarfile.DIRTYPE)
        root.mode = 0o700
        tar.addfile(root)
        for name, permissions in (("./bento.yaml", 0o600), ("./env/docker/entrypoint.sh", 0o700)):
            member = a_member(name, size=3)
            member.mode, member.uid = permissions, 4711
            tar.addfile(member, io.BytesIO(b"abc"))
    return file


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:xz"])
def test_plain_gzip_and_xz_are_unpacked_readable_for_all(tmp_path: Path, mode: str) -> None:
    assert unpack(an_archive(tmp_path, mode), tmp_path / "out") == 3

    def permissions(name: str) -> int:
        return stat.S_IMODE((tmp_path / "out" / name).stat().st_mode)

    assert permissions(".") == 0o755
    assert permissions("bento.yaml") == 0o644
    assert permissions("env/docker/entrypoint.sh") == 0o755


def test_bzip2_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is no tar, plain, gzip or xz"):
        unpack(an_archive(tmp_path, "w:bz2"), tmp_path / "out")


@pytest.mark.parametrize("kept", [600, 1100, 1536, 2048])
def test_a_tar_that_is_cut_off_is_refused_wherever_the_cut_is(tmp_path: Path, kept: int) -> None:
    file = an_archive(tmp_path, "w:")
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(BuildError):
        unpack(file, tmp_path / "out")


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
@pytest.mark.parametrize("lost", [1, 8, 20])
def test_a_compressed_tar_that_is_cut_off_is_refused(tmp_path: Path, mode: str, lost: int) -> None:
    file = an_archive(tmp_path, mode)
    file.write_bytes(file.read_bytes()[:-lost])
    with pytest.raises(BuildError):
        unpack(file, tmp_path / "out")


def test_what_an_earlier_try_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("")
    unpack(an_archive(tmp_path, "w:"), tmp_path / "out")
    assert not (tmp_path / "out" / "old").exists()
