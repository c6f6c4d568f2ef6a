"""Whoever applies by Git asks `kubectl diff`: what the operator does to a model must not show there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.cluster import TestCluster

from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome
from e2i.polling import poll

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).resolve().parents[2]
KUSTOMIZE = PROJECT / "kustomize"
FOLDERS = [
    *sorted((KUSTOMIZE / "examples").glob("*/*")),
    *sorted((KUSTOMIZE / "environments").iterdir()),
]


@pytest.mark.parametrize("server_side", [True, False], ids=["server-side", "client-side"])
@pytest.mark.parametrize(
    "source",
    [("--kustomize", folder) for folder in FOLDERS] + [("--filename", PROJECT / "manifests" / "samples")],
    ids=lambda source: str(source[1].relative_to(PROJECT)),
)
def test_nothing_differs_after_the_operator_has_looked(
    local_cluster: TestCluster, source: tuple[str, Path], server_side: bool
) -> None:
    home = local_cluster.own_home("applies the manifests of namespace models")
    arguments = (f"--server-side={server_side}".lower(), f"{source[0]}={source[1]}")
    kubectl(home, "apply", *arguments)
    try:
        for model in json.loads(kubectl(home, "get", "e2im", "--namespace=models", "--output=json"))["items"]:
            name, generation = model["metadata"]["name"], model["metadata"]["generation"]
            seen = f"--for=jsonpath={{.status.observedGeneration}}={generation}"
            kubectl(home, "wait", f"e2im/{name}", "--namespace=models", seen, "--timeout=60s")
        # kubectl compares what it read with the answer to a dry run: a status that changes in between differs once.
        assert poll(lambda: not differences(home, arguments), within=60, every=1), differences(
            home, arguments
        )
    finally:
        kubectl(home, "delete", "e2im", "--all", "--namespace=models", "--timeout=60s")


def differences(home: ClusterHome, arguments: tuple[str, ...]) -> str:
    """What `kubectl diff` prints; it ends with 1 if there is any."""
    done = subprocess.run(
        [home.kubectl, f"--kubeconfig={home.kubeconfig}", "diff", *arguments], capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
