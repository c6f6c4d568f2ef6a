"""The stack that the runbook's requests go to: the one that the environment names, or one started for these tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

E2I = str(Path(sys.executable).with_name("e2i"))
NAME = "model-serving"
START_SECONDS = 1800


@dataclass(frozen=True)
class Addresses:
    """Where the first service of the stack and its Prometheus answer."""

    service: str
    prometheus: str


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """$BENTOML_SERVICE_URL and $PROMETHEUS_URL; without them `e2i stack up` on a cluster of its own."""
    if service := os.environ.get("BENTOML_SERVICE_URL"):
        yield Addresses(service.rstrip("/"), os.environ.get("PROMETHEUS_URL", "").rstrip("/"))
        return
    store = tmp_path_factory.mktemp("bentoml")
    try:
        run("stack", "up", "--name", NAME, "--store", str(store))
        yield Addresses("http://localhost:3001", "http://localhost:9090")
    finally:
        run("local", "reset", "--yes", "--name", NAME)


def run(*arguments: str) -> None:
    done = subprocess.run(
        [E2I, *arguments], capture_output=True, text=True, timeout=START_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
