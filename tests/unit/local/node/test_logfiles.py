from __future__ import annotations

from pathlib import Path

import pytest

from e2i.local.node.logfiles import LONGEST_LINE, LogWriter, Query, log_tail, older, selected, stored


def written(path: Path, *chunks: bytes) -> bytes:
    writer = LogWriter(path)
    for chunk in chunks:
        writer.write("stdout", chunk)
    writer.close()
    return stored(path)


def text(entries: bytes, **query: object) -> bytes:
    return b"".join(selected(entries, Query(**query)))  # type: ignore[arg-type]


def test_lines_come_back_as_they_were_printed(tmp_path: Path) -> None:
    entries = written(tmp_path / "0.log", b"one\ntw", b"o\n\nlast without end")
    assert text(entries) == b"one\ntwo\n\nlast without end\n"


def test_a_long_line_is_stored_in_parts_and_shown_whole(tmp_path: Path) -> None:
    line = b"x" * (LONGEST_LINE * 2 + 5)
    entries = written(tmp_path / "0.log", line + b"\nend\n")
    assert entries.count(b"\n") == 4
    assert text(entries) == line + b"\nend\n"


@pytest.mark.parametrize(("tail", "shown"), [(0, b""), (2, b"3\n4\n"), (9, b"1\n2\n3\n4\n")])
def test_the_end_of_a_log(tmp_path: Path, tail: int, shown: bytes) -> None:
    assert text(written(tmp_path / "0.log", b"1\n2\n3\n4\n"), tail=tail) == shown


def test_lines_since_a_time() -> None:
    entries = b"1970-01-01T00:00:01.5Z stdout F old\n1970-01-01T00:00:09.000001Z stderr F new\n"
    assert text(entries, since=5.0) == b"new\n"
    assert text(entries, since=5.0, timestamps=True) == b"1970-01-01T00:00:09.000001Z new\n"


def test_a_log_never_grows_beyond_two_files(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    writer = LogWriter(path, rotate_at=1000)
    for number in range(100):
        writer.write("stdout", b"line %03d\n" % number)
    writer.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.log", "0.log.1"]
    assert max(path.stat().st_size, older(path).stat().st_size) <= 1000
    assert text(stored(path)).endswith(b"line 098\nline 099\n")


def test_the_last_words_of_a_container_are_bounded(tmp_path: Path) -> None:
    written(tmp_path / "0.log", b"".join(b"%d\n" % n for n in range(200)))
    assert log_tail(tmp_path / "0.log", lines=2) == "198\n199\n"
    assert log_tail(tmp_path / "0.log", size=4) == "199\n"
