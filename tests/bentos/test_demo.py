"""What `make demo` shows, on the whole local cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from support.cluster import TestCluster

from e2i.cli.demo import PROJECT, run_releases
from e2i.cli.stopwatch import Stopwatch
from e2i.local.bootstrap import choose_bento_store
from e2i.local.demo_bentos import BentoBuilds
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def home(local_cluster: TestCluster) -> Iterator[ClusterHome]:
    assert local_cluster.home
    yield local_cluster.home
    kubectl(local_cluster.home, "delete", "e2im", "churn", "--namespace=models", "--ignore-not-found")


async def test_a_newcomer_sees_both_versions_answer_and_no_request_fail(home: ClusterHome) -> None:
    told = await tell(home)
    turned_true = [line.split()[0] for line in told if re.match(r"\w+ +True ", line)]
    assert turned_true[:5] == ["BentoExported", "ImageBuilt", "Verified", "ReleaseServing", "Ready"]
    assert answers(told) == ["churn_model:1.0.0 leaves", "churn_model:2.0.0 stays"]
    assert counts(told) == ["0 failed", "0 failed"]


async def test_the_wrong_version_answers_nobody_and_the_newcomer_is_told_why(home: ClusterHome) -> None:
    told = await tell(home)
    assert not [line for line in told if "is answered by churn_model:3.0.0" in line]
    refused = next(line for line in told if line.startswith("RolledBack"))
    assert "VerificationFailed: release" in refused
    history = told.index(next(line for line in told if line.startswith("$ kubectl e2i history")))
    assert re.search(r"churn_model:3.0.0 +Failed +VerificationFailed", told[history + 2])
    assert re.match(r"Ready +True +release", told[-1])


async def test_told_again_it_starts_from_what_is_there_and_ends_the_same(home: ClusterHome) -> None:
    told = await tell(home)
    before = (
        "E2IModel churn exists from an earlier demo with churn_model:2.0.0; "
        "the manifest asks for churn_model:1.0.0"
    )
    assert before in told
    assert "churn_model:1.0.0 is in the store already: nothing to do" in told
    assert answers(told) == ["churn_model:1.0.0 leaves", "churn_model:2.0.0 stays"]
    assert counts(told) == ["0 failed", "0 failed"]


class Told(Stopwatch):
    """Keeps what a user would read."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def title(self, line: str) -> None:
        self.lines.append(f"== {line}")


async def tell(home: ClusterHome) -> list[str]:
    told = Told()
    with BentoBuilds(PROJECT, choose_bento_store(home, None)) as bentos:
        await run_releases(home, bentos, told)
    return told.lines


def answers(told: list[str]) -> list[str]:
    """bento and label of each answer that was shown."""
    shown = (re.match(r'\{"label": "(\w+)",.* "bento": "(\S+)"\}', line) for line in told)
    return [f"{found[2]} {found[1]}" for found in shown if found]


def counts(told: list[str]) -> list[str]:
    return [found[1] for line in told if (found := re.match(r"\d+ requests, (\d+ failed);", line))]
