"""run_deployment and deploy_model.py on the whole local cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.e2e import address
from support.stage import Stage

from e2i.deploying import (
    DeadlineExceeded,
    Forbidden,
    PackagingRefused,
    ReleaseFailed,
    rehearse_deployment,
    run_deployment,
)
from e2i.kube import Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS
from e2i.local.components import BUCKET
from e2i.local.credentials import ensure_credentials
from e2i.local.demo_traffic import new_session, predict

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).resolve().parents[2]
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CHURN = "churn_model:1.0.0"
CUSTOMER = {
    "tenure_months": 3,
    "monthly_charge": 95.0,
    "support_calls": 8,
    "contract": "two_year",
    "autopay": False,
}
HOPELESS_CHECK = {
    "path": "/predict",
    "body": json.dumps({"input_data": CUSTOMER}),
    "expect": {"subset": '{"label": "nobody"}'},
}
NO_ROOM = {"resources": {"requests": {"cpu": "900"}, "limits": {"cpu": "900"}}}

Deploy = Callable[..., Any]


def a_request(uri: str = CHURN, **changes: Any) -> dict[str, Any]:
    values = {"experiment_id": "exp-123", "model_uri": uri, "target_environment": "staging"}
    return {**values, "resources": {"cpu": "1", "memory": "1Gi"}, **changes}


@pytest.fixture
def environments(stage: Stage, store: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write an environments file in which `staging` is the namespace of the test."""

    def write(**changes: Any) -> Path:
        staging = {
            "kubeconfig": str(stage.home.kubeconfig),
            "namespace": stage.namespace,
            "store": str(store),
            "spec": {"resources": {"requests": {"cpu": "20m", "memory": "128Mi"}}},
        }
        file = tmp_path / "environments.yaml"
        file.write_text(yaml.safe_dump({"staging": {**staging, **changes}}))
        return file

    return write


async def ask(stage: Stage, name: str, body: Object) -> Object:
    async with new_session() as session:
        return await predict(session, await address(stage, name), body)


async def test_a_model_is_released_once_and_answers(stage: Stage, environments: Callable[..., Path]) -> None:
    lines: list[str] = []
    first = await run_deployment(a_request(), environments=environments(), timeout=180, say=lines.append)
    answer = await ask(stage, "churn-model", {"input_data": CUSTOMER})
    assert (answer["label"], answer["bento"]) == ("leaves", CHURN)
    assert (first.bento, first.packaged) == (CHURN, False)
    assert first.url == f"http://churn-model.{stage.namespace}.svc:3000"
    assert {"find", "apply", "Deploying"} <= first.timings.keys()
    assert any(line.startswith("Deploying") for line in lines)
    before = await stage.model("churn-model")
    assert before["metadata"]["labels"]["serving.e2i.dev/experiment"] == "exp-123"
    assert before["spec"]["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}

    again = await run_deployment(a_request(), environments=environments(), timeout=30)
    assert (again.release, again.digest) == (first.release, first.digest)
    after = await stage.model("churn-model")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_release_that_fails_tells_why_and_who_answers_meanwhile(
    stage: Stage, environments: Callable[..., Path]
) -> None:
    good = await run_deployment(a_request(), environments=environments(), timeout=180)
    wrong = environments(spec={"rollout": {"verify": [HOPELESS_CHECK]}})
    for _ in range(2):
        with pytest.raises(ReleaseFailed) as caught:
            await run_deployment(a_request(resources={"cpu": "500m"}), environments=wrong, timeout=180)
        assert caught.value.reason == "VerificationFailed"
        assert caught.value.still_serving is not None
        assert caught.value.still_serving.release == good.release
        assert "leaves" in caught.value.evidence["http"]


async def test_waiting_ends_with_the_time_and_with_a_cancel(
    stage: Stage, environments: Callable[..., Path]
) -> None:
    crowded = environments(spec=NO_ROOM)
    with pytest.raises(DeadlineExceeded) as caught:
        await run_deployment(a_request(resources={}), environments=crowded, timeout=3)
    assert caught.value.reason in ("Deploying", "PodUnschedulable", "Building", "Pending")

    waiting = asyncio.Event()

    def say(line: str) -> None:
        if "Deploying" in line or "PodUnschedulable" in line:
            waiting.set()

    running = asyncio.create_task(run_deployment(a_request(resources={}), environments=crowded, say=say))
    async with asyncio.timeout(60):
        await waiting.wait()
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 5


async def test_a_dry_run_leaves_nothing_behind(stage: Stage, environments: Callable[..., Path]) -> None:
    model = await rehearse_deployment(a_request(), environments=environments())
    assert model["spec"]["bento"] == {"tag": CHURN}
    assert await stage.children(BENTO_DEPLOYMENTS) == []
    with pytest.raises(AssertionError, match="no model churn-model"):
        await stage.model("churn-model")


async def test_who_may_not_deploy_gets_forbidden(
    stage: Stage, environments: Callable[..., Path], tmp_path: Path
) -> None:
    # A controller makes it, a moment after the namespace.
    await stage.until(lambda: stage.child(ACCOUNTS, "default"), "the service account")
    issued = await stage.kube.create(ACCOUNTS, stage.namespace, {}, name="default", subresource="token")
    config = json.loads(stage.home.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": issued["status"]["token"]}
    nobody = tmp_path / "nobody"
    nobody.write_text(json.dumps(config))
    with pytest.raises(Forbidden, match="e2imodels"):
        await run_deployment(a_request(), environments=environments(kubeconfig=str(nobody)), timeout=30)


async def test_an_operator_without_our_store_takes_the_bento_from_the_bucket(
    stage: Stage, environments: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ensure_credentials(stage.home)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    file = environments(bucket={"name": BUCKET, "endpoint": stage.home.s3_url})
    result = await run_deployment(a_request(name="from-bucket"), environments=file, timeout=180)
    model = await stage.model("from-bucket")
    assert model["spec"]["bento"] == {"tag": CHURN, "archive": {"digest": result.digest}}
    assert "push" in result.timings


def deploy_model(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, PROJECT / "bentos" / "deploy_model.py", "--environment", "staging"]
    return subprocess.run(
        [*command, "--environments", file, "--experiment-id", "exp-123", "--json", *options],
        capture_output=True,
        text=True,
    )


async def test_the_command_does_the_same(stage: Stage, environments: Callable[..., Path]) -> None:
    file = environments()
    done = await asyncio.to_thread(deploy_model, file, "--model-uri", CHURN, "--cpu", "1", "--memory", "1Gi")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["bento"] == CHURN
    assert "E2IModel" in done.stderr
    for options, code, error in (
        (("--model-uri", "churn_model:9.9.9"), 3, "ModelNotFound"),
        (("--model-uri", "churn_model:latest", "--cpu", "much"), 2, "InvalidRequest"),
    ):
        refused = await asyncio.to_thread(deploy_model, file, *options)
        assert (refused.returncode, json.loads(refused.stdout)["error"]) == (code, error)


LOG_A_MODEL = """
import mlflow, warnings
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

warnings.simplefilter("ignore")
table, species = load_iris(return_X_y=True, as_frame=True)
table.columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
model = LogisticRegression(max_iter=500).fit(table, load_iris().target_names[species])
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model,
        name="model",
        registered_model_name="iris_model",
        input_example=table.iloc[[0, 60, 120]],
        signature=mlflow.models.infer_signature(table, model.predict(table)),
        # Found out by MLflow it takes half a minute.
        pip_requirements=[f"scikit-learn=={__import__('sklearn').__version__}"],
    )
"""


async def test_what_somebody_else_logged_with_mlflow_is_packaged_and_released(
    stage: Stage, environments: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    logging = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOG_A_MODEL, cwd=tmp_path, stderr=asyncio.subprocess.DEVNULL
    )
    assert await logging.wait() == 0
    request = a_request("mlflow://models/iris_model/1")
    result = await run_deployment(request, environments=environments(), timeout=400, say=print)
    assert (result.bento, result.packaged) == ("iris_model:1.0.0", True)
    flower = {"sepal_length": 6.9, "sepal_width": 3.2, "petal_length": 5.7, "petal_width": 2.3}
    answer = await ask(stage, "iris-model", {"input_data": flower})
    assert (answer["label"], answer["model"]) == ("virginica", "iris_model:1.0.0")
    model = await stage.model("iris-model")
    assert [check["path"] for check in model["spec"]["rollout"]["verify"]] == ["/predict"] * 3


async def test_a_packaging_ends_with_the_deployment_that_asked_for_it(
    environments: Callable[..., Path], tmp_path: Path
) -> None:
    """A folder without a model is refused after seconds of imports, and the timeout is shorter."""
    (tmp_path / "trained").mkdir()
    with pytest.raises(DeadlineExceeded, match="Finding"):
        await run_deployment(a_request(f"{tmp_path}/trained"), environments=environments(), timeout=0.2)
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    commands = []
    for child in children:
        with contextlib.suppress(FileNotFoundError):
            commands.append(Path(f"/proc/{child}/cmdline").read_text())
    assert not [command for command in commands if "e2i.deploying.prepare_bento" in command]


async def test_a_damaged_bento_is_refused_before_anything_is_applied(
    stage: Stage, environments: Callable[..., Path], store: Path
) -> None:
    half = store / "bentos" / "half" / "1.0.0"
    half.mkdir(parents=True)
    with pytest.raises(PackagingRefused, match="copied in part"):
        await run_deployment(a_request("half:1.0.0"), environments=environments(), timeout=30)
