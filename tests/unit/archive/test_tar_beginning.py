"""The beginning of an archive of somebody else: the file that is looked for, or nothing."""

from __future__ import annotations

import io
import tarfile
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.deep import examples
from support.mutations import seeded

from e2i.archive.tar_beginning import file_in


def an_archive(**files: bytes) -> bytes:
    """A tar of these files, in their order."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


WHOLE = an_archive(readme=b"# churn\n", bento=b"name: churn\n" * 100, env=b"x" * 5000)


def test_a_file_is_found_behind_others() -> None:
    assert file_in(WHOLE, "bento") == b"name: churn\n" * 100
    assert file_in(WHOLE, "other") is None


@pytest.mark.parametrize("end", [0, 100, 512, 1500, 2000])
def test_a_file_that_is_not_whole_is_not_found(end: int) -> None:
    assert file_in(WHOLE[:end], "bento") is None


def test_a_negative_size_ends_the_search() -> None:
    header = bytearray(WHOLE[:512])
    header[124:136] = b"\xff" * 12
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 8 * 32)
    assert tarfile.TarInfo.frombuf(bytes(header), "utf-8", "strict").size == -1
    assert file_in(bytes(header) * 3, "bento") is None


def test_a_chain_of_extended_headers_is_no_recursion() -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    assert file_in(header.tobuf() * 8000, "bento") is None


@settings(max_examples=examples(200))
@given(seed=st.integers(0, 2**32))
def test_any_beginning_has_the_file_or_not(seed: int) -> None:
    dice, content, begun = seeded(seed), bytearray(WHOLE), time.process_time()
    for _ in range(dice.randint(1, 30)):
        content[dice.randrange(len(content))] = dice.randrange(256)
    found = file_in(bytes(content), "bento")
    assert found is None or len(found) <= len(content)
    assert time.process_time() - begun < 1
