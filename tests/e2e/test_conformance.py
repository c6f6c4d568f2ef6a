"""`e2i conformance` as a user runs it: on a cluster that is well, and with a bento that nobody has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.cluster import TestCluster
from support.e2e import FIRST, SMALL

from e2i.conformance.room import MANAGER, NAMESPACES
from e2i.conformance.suite import BUCKET, LIFE
from e2i.kube import Kube

pytestmark = pytest.mark.e2e

PROGRAM = Path(sys.executable).with_name("e2i")
EVERY_CHECK = ["installation", *(name for name, _, _ in BUCKET), *(each.name for each in LIFE)]


def conformance(cluster: TestCluster, folder: Path, tag: str) -> tuple[int, dict[str, str]]:
    """The exit code, and the outcome of each check in the order of the report."""
    spec = {
        "type": "Classification",
        "bento": {"tag": tag},
        "resources": SMALL,
        "rollout": {"verify": [{"path": "/predict", "body": '{"text": "hello"}'}]},
    }
    (folder / "model.yaml").write_text(yaml.safe_dump({"spec": spec}))
    options = {"manifest": folder / "model.yaml", "report": folder, "kubeconfig": cluster.kubeconfig}
    command = [PROGRAM, "conformance", *(f"--{name}={value}" for name, value in options.items())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    print(done.stdout, done.stderr)  # noqa: T201 - shown when the test fails
    assert "Traceback" not in done.stderr
    told = json.loads((folder / "report.json").read_text())
    assert (folder / "report.md").read_text().startswith("# Conformance of e2i\n")
    return done.returncode, {each["name"]: each["outcome"] for each in told["checks"]}


async def namespaces(cluster: TestCluster) -> list[str]:
    async with await Kube.from_kubeconfig(cluster.kubeconfig) as kube:
        found, _ = await kube.list(NAMESPACES, labels=f"app.kubernetes.io/part-of={MANAGER}")
    return [each["metadata"]["name"] for each in found]


async def test_every_promise_holds_on_the_local_cluster_and_nothing_is_left(
    local_cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    code, outcomes = conformance(local_cluster, tmp_path, FIRST)
    assert outcomes == dict.fromkeys(EVERY_CHECK, "passed")
    assert code == 0
    assert await namespaces(local_cluster) == []


async def test_a_bento_that_nobody_has_fails_the_first_release_and_leaves_out_what_needs_it(
    local_cluster: TestCluster, tmp_path: Path
) -> None:
    code, outcomes = conformance(local_cluster, tmp_path, "nobody:9.9.9")
    assert code == 1
    assert outcomes["first-release"] == "failed"
    assert {outcomes[each.name] for each in LIFE[1:]} == {"skipped"}
    assert await namespaces(local_cluster) == []
