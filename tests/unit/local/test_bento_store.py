"""Which BentoML store a cluster reads, and what makes a running operator start anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2i.local.bootstrap import choose_bento_store, operator_inputs
from e2i.local.layout import ClusterHome


@pytest.fixture
def home(tmp_path: Path) -> ClusterHome:
    return ClusterHome("e2i", 0, tmp_path)


def test_a_cluster_reads_the_user_s_own_store_unless_told_otherwise(
    home: ClusterHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", "/bentos/mine")
    assert choose_bento_store(home, None) == Path("/bentos/mine")


def test_a_store_that_was_chosen_once_stays_when_nothing_is_said(
    home: ClusterHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", "/bentos/mine")
    choose_bento_store(home, Path("/bentos/ours"))
    assert choose_bento_store(home, None) == Path("/bentos/ours")


def test_another_store_starts_the_operator_anew_and_the_same_one_does_not() -> None:
    assert operator_inputs(Path("/a")) == operator_inputs(Path("/a"))
    assert operator_inputs(Path("/a")) != operator_inputs(Path("/b"))
