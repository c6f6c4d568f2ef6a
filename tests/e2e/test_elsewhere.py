"""The end-to-end tests on a cluster that they did not make: --kubeconfig alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.cluster import TestCluster

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
SHOWN = (
    "test_conformance.py::test_a_bento_that_nobody_has_fails_the_first_release_and_leaves_out_what_needs_it"
)
LOCAL = "test_applied_manifests.py"


def test_what_a_cluster_shows_is_run_there_and_the_rest_is_skipped_with_its_reason(
    local_cluster: TestCluster, tmp_path: Path
) -> None:
    options = [f"--kubeconfig={local_cluster.kubeconfig}", "-p", "no:cacheprovider", f"--basetemp={tmp_path}"]
    command = [sys.executable, "-m", "pytest", "-q", HERE / SHOWN, HERE / LOCAL, *options]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout
    assert re.match(r"1 passed, \d+ skipped in ", done.stdout.splitlines()[-1]), done.stdout
    assert "needs the local cluster: applies the manifests of namespace models" in done.stdout
