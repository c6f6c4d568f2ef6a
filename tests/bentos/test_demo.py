"""What `make demo` shows, on the whole local cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from support.cluster import TestCluster

from e2i.cli.demo import release_twice
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
    assert turned_true[:4] == ["BentoExported", "ImageBuilt", "ReleaseServing", "Ready"]
    assert answers(told) == ["churn_model:1.0.0 leaves", "churn_model:2.0.0 stays"]
    assert count(told) == "0 failed"


async def test_told_again_it_starts_from_what_is_there_and_ends_the_same(home: ClusterHome) -> None:
    told = await tell(home)
    before = (
        "E2IModel churn is there from before, with churn_model:2.0.0; the manifest asks for churn_model:1.0.0"
    )
    assert before in told
    assert "churn_model:1.0.0 is in the store already: nothing to do" in told
    assert answers(told) == ["churn_model:1.0.0 leaves", "churn_model:2.0.0 stays"]
    assert count(told) == "0 failed"


async def tell(home: ClusterHome) -> list[str]:
    told: list[str] = []
    await release_twice(home, told.append)
    return told


def answers(told: list[str]) -> list[str]:
    """bento and label of each answer that was shown."""
    shown = (re.match(r'\{"label": "(\w+)",.* "bento": "(\S+)"\}', line) for line in told)
    return [f"{found[2]} {found[1]}" for found in shown if found]


def count(told: list[str]) -> str:
    return next(found[1] for line in told if (found := re.match(r"\d+ requests, (\d+ failed);", line)))
