"""The three ways to deploy, as bentos/ways shows them: kubectl, a notebook, a Kubeflow pipeline."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.e2e import PATIENCE, routed_answer
from support.stage import Stage

from e2i.kube import Object
from e2i.kube.e2i_kinds import DEPLOYMENTS, E2I_MODELS
from e2i.local.components import BUCKET, REGION
from e2i.local.credentials import ensure_credentials
from e2i.local.kubectl import kubectl
from e2i.local.layout import cache_root

PROJECT = Path(__file__).resolve().parents[2]
WAYS = PROJECT / "bentos" / "ways"
BENTO = "churn_model:1.0.0"
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Run a program and return its stdout; fail with its stderr."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def answers(stage: Stage, name: str) -> Object:
    """Return the answer of the Service `name` for customer.json, once its Deployment has a pod."""

    async def has_pod() -> bool:
        found = await stage.child(DEPLOYMENTS, name)
        return bool(found and found.get("status", {}).get("availableReplicas"))

    await stage.until(has_pod, f"a pod of {name}", PATIENCE)
    return await answer_of(stage, name)


async def answer_of(stage: Stage, name: str) -> Object:
    customer = json.loads((WAYS / "kubectl" / "customer.json").read_text())
    return await routed_answer(stage, name, customer)


def in_namespace(text: str, stage: Stage) -> str:
    assert text.count("namespace: models\n") == text.count("metadata:\n")
    return text.replace("namespace: models\n", f"namespace: {stage.namespace}\n")


@pytest.mark.e2e
async def test_kubectl_with_an_image_built_by_yatai_and_then_with_the_ready_image(
    stage: Stage, store: Path
) -> None:
    keys = ensure_credentials(stage.home)
    upload = WAYS / "kubectl" / "upload.py"
    settings = {
        "E2I_BUCKET": BUCKET,
        "AWS_ENDPOINT_URL": stage.home.s3_url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
    }
    url = run(sys.executable, upload, BENTO, "--store", store, **settings).strip()
    assert url.startswith(f"s3://{BUCKET}/bentos/churn_model/1.0.0/")
    built = in_namespace((WAYS / "kubectl" / "built-image.yaml").read_text(), stage)
    filled = built.replace("DOWNLOAD_URL", url).replace("S3_SERVER", stage.home.s3_url)
    kubectl(stage.home, "apply", "-f", "-", given=filled)
    assert (await answers(stage, "churn-built"))["bento"] == BENTO
    ready = in_namespace((WAYS / "kubectl" / "ready-image.yaml").read_text(), stage)
    kubectl(stage.home, "apply", "-f", "-", given=ready)
    assert (await answers(stage, "churn-ready"))["bento"] == BENTO


@pytest.mark.e2e
async def test_kubectl_with_an_e2imodel(stage: Stage) -> None:
    manifest = in_namespace((WAYS / "kubectl" / "e2imodel.yaml").read_text(), stage)
    kubectl(stage.home, "apply", "-f", "-", given=manifest)
    wait = ("wait", "--for=condition=Ready", "e2im/churn-model", "-n", stage.namespace, "--timeout=180s")
    await asyncio.to_thread(kubectl, stage.home, *wait)
    assert (await answer_of(stage, "churn-model"))["bento"] == BENTO


@pytest.mark.e2e
async def test_the_notebook_runs_from_a_bento_to_two_answers(stage: Stage, tmp_path: Path) -> None:
    notebook = json.loads((WAYS / "notebook" / "deploy.ipynb").read_text())
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    text = json.dumps(notebook).replace('NAMESPACE = \\"models\\"', f'NAMESPACE = \\"{stage.namespace}\\"')
    assert stage.namespace in text
    (tmp_path / "deploy.ipynb").write_text(text)
    command = (Path(sys.executable).with_name("jupyter-execute"), "deploy.ipynb", "--output=done")
    await asyncio.to_thread(
        run, *command, cwd=tmp_path, KUBECONFIG=str(stage.home.kubeconfig), IPYTHONDIR=str(tmp_path)
    )
    done = json.loads((tmp_path / "done.ipynb").read_text())
    shown = [
        "".join(output["data"]["text/plain"])
        for cell in done["cells"]
        for output in cell.get("outputs", ())
        if output["output_type"] == "execute_result"
    ]
    assert len([text for text in shown if BENTO in text and "leaves" in text]) == 2
    # It clears up after itself.
    assert await stage.kube.get(E2I_MODELS, stage.namespace, "churn-notebook") is None


@pytest.fixture(scope="module")
def kubeflow() -> Path:
    """Return a Python with kfp, which conflicts with our kubernetes client; cached by the content of the lock."""
    lock = WAYS / "kubeflow" / "requirements.lock"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache_root() / "kubeflow" / digest
    if not (folder / "complete").exists():
        run(UV, "venv", "--clear", "--python", sys.executable, folder)
        run(UV, "pip", "sync", "--require-hashes", lock, VIRTUAL_ENV=str(folder))
        (folder / "complete").touch()
    return folder / "bin" / "python"


def test_the_pipeline_compiles_to_what_kubeflow_takes(kubeflow: Path, tmp_path: Path) -> None:
    run(kubeflow, WAYS / "kubeflow" / "pipeline.py", "compile", tmp_path / "release_model.yaml", cwd=tmp_path)
    (compiled, *_) = yaml.safe_load_all((tmp_path / "release_model.yaml").read_text())
    container = compiled["deploymentSpec"]["executors"]["exec-deploy-model"]["container"]
    assert compiled["pipelineInfo"]["name"] == "release-model"
    assert container["image"] == "python:3.11-slim"
    assert "'kubernetes==30.1.0'" in " ".join(container["command"])


@pytest.mark.e2e
async def test_the_pipeline_releases_a_model_with_kfps_local_runner(
    kubeflow: Path, stage: Stage, tmp_path: Path
) -> None:
    command = [kubeflow, WAYS / "kubeflow" / "pipeline.py", "run", "--namespace", stage.namespace]
    kubeconfig = {"KUBECONFIG": str(stage.home.kubeconfig), "PATH": f"{kubeflow.parent}:{os.environ['PATH']}"}
    output = await asyncio.to_thread(run, *command, cwd=tmp_path, **kubeconfig)
    assert f"http://churn-model.{stage.namespace}.svc:3000" in output.splitlines()[-1]
    assert (await answer_of(stage, "churn-model"))["bento"] == BENTO


@pytest.mark.e2e
async def test_the_pipeline_fails_with_a_model_that_is_not_there(
    kubeflow: Path, stage: Stage, tmp_path: Path
) -> None:
    command = [kubeflow, WAYS / "kubeflow" / "pipeline.py", "run", "--namespace", stage.namespace]
    kubeconfig = {"KUBECONFIG": str(stage.home.kubeconfig), "PATH": f"{kubeflow.parent}:{os.environ['PATH']}"}
    with pytest.raises(AssertionError, match="BentoNotFound"):
        await asyncio.to_thread(run, *command, "--bento", "churn_model:9.9.9", cwd=tmp_path, **kubeconfig)


@pytest.mark.e2e
async def test_the_rights_of_the_pipeline_are_what_the_cluster_takes(stage: Stage) -> None:
    kubectl(stage.home, "apply", "--dry-run=server", "-f", str(WAYS / "kubeflow" / "rbac.yaml"))
