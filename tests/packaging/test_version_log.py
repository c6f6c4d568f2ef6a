"""A version stands for one content for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.version_log import check_version_unused, read_digests, record_version


def test_what_is_noted_is_known(tmp_path: Path) -> None:
    ledger = tmp_path / "versions.jsonl"
    record_version(ledger, "a:1.0.0", "sha256:1", "2026-01-01")
    record_version(ledger, "a:1.0.1", "sha256:2", "2026-01-02")
    assert read_digests(ledger) == {"a:1.0.0": "sha256:1", "a:1.0.1": "sha256:2"}


def test_noting_twice_writes_one_line(tmp_path: Path) -> None:
    ledger = tmp_path / "versions.jsonl"
    for _ in range(2):
        record_version(ledger, "a:1.0.0", "sha256:1", "2026-01-01")
    assert len(ledger.read_text().splitlines()) == 1


def test_many_at_once_lose_no_line(tmp_path: Path) -> None:
    ledger = tmp_path / "versions.jsonl"
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda n: record_version(ledger, f"a:1.0.{n}", f"sha256:{n}", "2026-01-01"), range(40)
            )
        )
    assert len(read_digests(ledger)) == 40


def test_the_same_content_may_come_again() -> None:
    check_version_unused("a:1.0.0", "sha256:1", {"a:1.0.0": "sha256:1"}, "the store")


def test_other_content_under_the_same_version_is_refused_with_both_digests() -> None:
    with pytest.raises(PackagingError, match="next version") as refused:
        check_version_unused("a:1.0.0", "sha256:2", {"a:1.0.0": "sha256:1"}, "the store")
    assert refused.value.reason is ErrorReason.VersionReused
    assert {"sha256:1", "sha256:2"} <= set(refused.value.message.replace(",", "").replace(".", " ").split())


def test_a_damaged_ledger_is_told_with_its_line(tmp_path: Path) -> None:
    ledger = tmp_path / "versions.jsonl"
    ledger.write_text('{"tag": "a:1.0.0", "digest": "sha256:1"}\n{"tag": "a:1.0\n')
    with pytest.raises(PackagingError, match="Line 2"):
        read_digests(ledger)
