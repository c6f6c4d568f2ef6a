"""The verification of docs/howto/yatai-stack.md: example.yaml is applied, and its classifier answers.

The stand-in plays the controllers, and the image is a bento that is built here: no registry can be reached.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.built_bentos import build_once
from support.cluster import TestCluster

from e2i.local.images import ImageStore
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome
from e2i.local.yatai.build.image import describe

pytestmark = [pytest.mark.e2e, pytest.mark.deep]

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = PROJECT / "kustomize" / "yatai-stack" / "example.yaml"
IRIS = Path(__file__).with_name("iris")
SELECTED = ("--namespace=kubeflow", "--selector=yatai.ai/bento-deployment=test-yatai", "--output=name")
RUNNER = "test-yatai-runner-32c50ece701351fb576189d54bd58724"


def build_iris(folder: Path) -> None:
    environment = {**os.environ, "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}
    environment["UV_CONSTRAINT"] = str(PROJECT / "requirements.lock")
    command = [Path(sys.executable).with_name("bentoml"), "build", "--version=r4zint4b567i4usu", IRIS]
    built = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr


@pytest.fixture
def home(local_cluster: TestCluster) -> Iterator[ClusterHome]:
    """The cluster with the example's image, and the namespace of the document."""
    home = local_cluster.own_home("the example's image is one of the local cluster")
    bento, _ = yaml.safe_load_all(EXAMPLE.read_text())
    built = build_once("iris", [IRIS, PROJECT / "requirements.lock"], build_iris)
    contents = built / "bentos" / bento["spec"]["tag"].replace(":", "/")
    environment = Path(sys.executable).parents[1]
    workers = {"BENTOML_API_WORKERS": "1"}
    ImageStore(home.images).put(describe(bento["spec"]["image"], "0" * 64, contents, environment, workers))
    kubectl(home, "create", "namespace", "kubeflow")
    yield home
    kubectl(home, "delete", "namespace", "kubeflow", "--timeout=120s")


def test_the_example_makes_what_the_page_shows_and_answers_two(home: ClusterHome) -> None:
    kubectl(home, "apply", f"--filename={EXAMPLE}")
    deployments = ("deployment/test-yatai", "deployment/test-yatai-runner-0")
    for deployment in deployments:
        kubectl(home, "wait", "--for=create", deployment, "--namespace=kubeflow", "--timeout=60s")
        kubectl(
            home, "wait", "--for=condition=Available", deployment, "--namespace=kubeflow", "--timeout=240s"
        )
    found = kubectl(home, "get", "deploy", *SELECTED).split()
    assert found == [f"deployment.apps/{name.partition('/')[2]}" for name in deployments]
    assert kubectl(home, "get", "service", *SELECTED).split() == ["service/test-yatai", f"service/{RUNNER}"]
    address = ("get", "service", "test-yatai", "--namespace=kubeflow", "--output=jsonpath={.spec.clusterIP}")
    request = ("curl", "--silent", "--fail", "-X", "POST", "-d", "[[0,1,2,3]]")
    url = f"http://{kubectl(home, *address)}:3000/classify"
    answered = subprocess.run(
        (*request, "--retry", "20", "--retry-all-errors", url), capture_output=True, text=True
    )
    assert answered.stdout.strip() == "[2]", answered.stderr
