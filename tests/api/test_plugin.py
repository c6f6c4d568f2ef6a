"""`kubectl e2i` as a process on a real API server: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.cluster import TestCluster
from support.operating import apply_files, wait_for_kinds
from support.stage import Stage, staging
from support.stores import a_bento
from support.warmoperator import operating
from support.yatai import controllers

from e2i.api import naming
from e2i.api.model_body import parse_model
from e2i.cli.plugin.forecast import user_metadata
from e2i.cli.plugin.server_dry_run import dry_run
from e2i.cli.plugin.session import Session
from e2i.kube import Object
from e2i.kube.e2i_kinds import BENTO_REQUESTS, DEPLOYMENTS, E2I_MODELS
from e2i.local.images import ImageStore
from e2i.local.kubectl import kubectl

pytestmark = pytest.mark.api

PROGRAM = (sys.executable, "-c", "from e2i.cli.plugin import main; main()")
CRD = Path(__file__).resolve().parents[2] / "manifests" / "crds" / "e2imodels.yaml"
FIRST, SECOND = "churn:1.0.0", "churn:2.0.0"
NOW = "2026-11-21T12:00:00Z"
DIGESTS = {FIRST: "sha256:" + "a" * 64, SECOND: "sha256:" + "b" * 64}
ARGO = "argocd.argoproj.io/tracking-id"


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
async def stage(cluster: TestCluster) -> AsyncIterator[Stage]:
    async with staging(cluster) as made:
        yield made


def environment(stage: Stage) -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(stage.home.kubeconfig), "COLUMNS": "100"}


async def run(
    stage: Stage, *arguments: str, stdin: str = "", program: tuple[str, ...] = PROGRAM, **more: str
) -> Done:
    """The plugin in the stage's namespace; without arguments, `program` as it is."""
    place = ("-n", stage.namespace) if arguments else ()
    process = await asyncio.create_subprocess_exec(
        *program,
        *arguments,
        *place,
        env={**environment(stage), **more},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 90)
    done = Done(process.returncode or 0, out.decode(), err.decode())
    assert "Traceback" not in done.err
    return done


def heed_interrupts() -> None:
    """A shell starts what it runs in the background deaf to Ctrl-C, and the tests may run there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.asynccontextmanager
async def following(stage: Stage) -> AsyncIterator[asyncio.subprocess.Process]:
    """`status churn -w`, once it has shown its first line."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "status",
        "churn",
        "-w",
        "-n",
        stage.namespace,
        env=environment(stage),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,
    )
    assert process.stdout
    try:
        assert "has not yet seen" in (await asyncio.wait_for(process.stdout.readline(), 90)).decode()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def release_of(model: Object, tag: str) -> str:
    spec = {**model["spec"], "bento": {"tag": tag}}
    return naming.release_of(parse_model({**model, "spec": spec}), DIGESTS[tag])


async def served(stage: Stage, tag: str = SECOND, **status: Any) -> Object:
    """A model that serves `tag`, after the other one, as an operator would have left it."""
    model = await stage.create(tag=tag)
    other = FIRST if tag == SECOND else SECOND
    history = [
        {
            "release": release_of(model, each),
            "bentoTag": each,
            "digest": DIGESTS[each],
            "result": result,
            "servedAt": NOW,
        }
        for each, result in ((tag, "Serving"), (other, "Superseded"))
    ]
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "it serves",
        "lastTransitionTime": NOW,
    }
    own = {
        "observedGeneration": 1,
        "desiredRelease": history[0]["release"],
        "servingRelease": history[0]["release"],
        "history": history,
        "conditions": [ready],
    }
    body = {"status": {**own, **status}}
    return await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body, subresource="status")


def failure(release: str) -> Object:
    words = {"reason": "CrashLoop", "message": "it ended", "failedAt": NOW}
    return {"release": release, "bentoTag": SECOND, "trial": "00000000", **words}


def manifest(stage: Stage, tag: str = FIRST, **spec: Any) -> str:
    body = {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        "metadata": {"name": "churn", "namespace": stage.namespace},
        "spec": {"type": "Classification", "bento": {"tag": tag}, **spec},
    }
    return yaml.safe_dump(body)


async def annotations(stage: Stage) -> Mapping[str, str]:
    found: Mapping[str, str] = (await stage.model())["metadata"].get("annotations") or {}
    return found


async def test_status_shows_a_model_that_nobody_has_looked_at(stage: Stage) -> None:
    await stage.create()
    done = await run(stage, "status", "churn")
    assert done.code == 0
    assert f"E2IModel {stage.namespace}/churn" in done.out
    assert "Release ? (desired)" in done.out
    shown = json.loads((await run(stage, "status", "churn", "-o", "json")).out)
    assert shown["model"]["bentoTag"] == FIRST
    assert yaml.safe_load((await run(stage, "status", "churn", "-o", "yaml")).out) == shown


async def test_following_ends_with_the_model_being_ready(stage: Stage) -> None:
    await stage.create()
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": "now it serves"}
    body = {"status": {"observedGeneration": 1, "conditions": [{**ready, "lastTransitionTime": NOW}]}}
    async with following(stage) as process:
        await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body, subresource="status")
        out, err = await asyncio.wait_for(process.communicate(), 90)
    assert (process.returncode, err) == (0, b"")
    (line,) = [line for line in out.decode().splitlines() if "E2IModel" in line]
    assert line.endswith("now it serves")


async def test_following_ends_in_order_when_it_is_interrupted(stage: Stage) -> None:
    await stage.create()
    async with following(stage) as process:
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 90)
    assert (process.returncode, err) == (130, b"")


async def test_following_ends_when_the_model_is_deleted(stage: Stage) -> None:
    await stage.create()
    async with following(stage) as process:
        await stage.kube.delete(E2I_MODELS, stage.namespace, "churn")
        _, err = await asyncio.wait_for(process.communicate(), 90)
    assert (process.returncode, err) == (2, b"Error: E2IModel churn was deleted.\n")


async def test_a_model_that_cannot_go_on_ends_following_with_one(stage: Stage) -> None:
    model = await stage.create()
    stuck = {
        "status": "True",
        "reason": "Refused",
        "message": "no",
        "lastTransitionTime": "2026-11-21T12:00:00Z",
    }
    ready = {**stuck, "type": "Ready", "status": "False"}
    body = {"status": {"observedGeneration": 1, "conditions": [ready, {**stuck, "type": "Stalled"}]}}
    await stage.kube.patch(E2I_MODELS, stage.namespace, model["metadata"]["name"], body, subresource="status")
    done = await run(stage, "status", "churn", "-w")
    assert done.code == 1


async def test_history_is_printed_for_people_and_for_machines(stage: Stage) -> None:
    model = await served(stage)
    done = await run(stage, "history", "churn", "-o", "wide")
    assert DIGESTS[FIRST] in done.out
    shown = json.loads((await run(stage, "history", "churn", "-o", "json")).out)
    assert [entry["release"] for entry in shown["history"]] == [
        release_of(model, SECOND),
        release_of(model, FIRST),
    ]


async def test_undo_writes_the_earlier_tag_and_nothing_else(stage: Stage) -> None:
    before = await served(stage)
    done = await run(stage, "undo", "churn")
    assert (done.code, done.err) == (0, "")
    after = await stage.model()
    assert after["spec"] == {**before["spec"], "bento": {**before["spec"]["bento"], "tag": FIRST}}
    assert "e2i-cli" in {entry["manager"] for entry in after["metadata"]["managedFields"]}
    again = await run(stage, "undo", "churn", "--to", FIRST)
    assert (again.code, "nothing to undo" in again.out) == (0, True)


async def test_undo_leaves_a_model_of_argo_cd_alone_and_prints_the_change(stage: Stage) -> None:
    await served(stage)
    tracking = f"shop:serving.e2i.dev/E2IModel:{stage.namespace}/churn"
    await stage.kube.patch(
        E2I_MODELS, stage.namespace, "churn", {"metadata": {"annotations": {ARGO: tracking}}}
    )
    done = await run(stage, "undo", "churn")
    assert done.code == 3
    assert done.err.startswith("Error: churn is managed by the Argo CD application shop")
    assert f"-    tag: {SECOND}\n+    tag: {FIRST}" in done.out
    assert (await stage.model())["spec"]["bento"]["tag"] == SECOND


async def test_undo_refuses_a_release_in_quarantine(stage: Stage) -> None:
    model = await served(stage)
    body = {"status": {"failedReleases": [failure(release_of(model, FIRST))]}}
    await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body, subresource="status")
    done = await run(stage, "undo", "churn", "--to", FIRST)
    assert (done.code, done.out) == (2, "")
    assert "is in quarantine: it failed with CrashLoop" in done.err


async def test_steering_sets_annotations_and_refuses_what_makes_no_sense(stage: Stage) -> None:
    model = await served(stage)
    refused = [await run(stage, command, "churn") for command in ("retry", "promote")]
    assert [done.code for done in refused] == [2, 2]
    assert await annotations(stage) == {}
    body = {"status": {"failedReleases": [failure(release_of(model, SECOND))]}}
    await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body, subresource="status")
    assert (await run(stage, "retry", "churn")).code == 0
    assert (await run(stage, "pause", "churn")).code == 0
    assert set(await annotations(stage)) == {"serving.e2i.dev/retry-at", "serving.e2i.dev/paused"}
    assert (await run(stage, "resume", "churn")).code == 0
    assert set(await annotations(stage)) == {"serving.e2i.dev/retry-at"}


async def test_a_restart_is_followed_to_its_end_and_undone(stage: Stage) -> None:
    """Played: the operator's part. `plan` of the manifest with the annotation tells the same release."""
    model = await served(stage)
    done = await run(stage, "restart", "churn")
    assert (done.code, done.err) == (0, "")
    (annotation,) = (await annotations(stage)).items()
    assert annotation[0] == "serving.e2i.dev/restart-at"
    async with following(stage):
        pass  # Its first line says that the operator has not yet seen the restart.
    assert (await run(stage, "plan", "-f", "-", stdin=manifest(stage, SECOND))).code == 0, "kept by an apply"
    body = yaml.safe_load(manifest(stage, SECOND))
    body["metadata"]["annotations"] = {annotation[0]: "2"}
    planned = await run(stage, "plan", "-f", "-", "-o", "json", stdin=yaml.safe_dump(body))
    assert (planned.code, json.loads(planned.out)["plans"][0]["change"]) == (1, "new release")
    history = [
        {"release": "0b1d77e2", "bentoTag": SECOND, "digest": DIGESTS[SECOND], "result": "Serving",
         "restartAt": annotation[1]},
        *model["status"]["history"],
    ]  # fmt: skip
    seen = {"observedRestartAt": annotation[1], "desiredRelease": "0b1d77e2", "history": history}
    await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", {"status": seen}, subresource="status")
    assert annotation[1] in (await run(stage, "history", "churn", "-o", "wide")).out
    undone = await run(stage, "undo", "churn")
    assert (undone.code, await annotations(stage)) == (0, {})
    assert "restart-at is removed" in undone.out


async def test_what_is_steered_outlives_the_next_apply_of_a_gitops_tool(stage: Stage) -> None:
    wanted = {**yaml.safe_load(manifest(stage))}
    flux = {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    kept = {**wanted, "metadata": {**wanted["metadata"], "labels": flux}}
    await stage.kube.apply(E2I_MODELS, kept, manager="kustomize-controller", force=True)
    assert (await run(stage, "pause", "churn")).code == 0
    managers = {entry["manager"] for entry in (await stage.model())["metadata"]["managedFields"]}
    assert not [name for name in managers if name.startswith("kubectl")]
    await stage.kube.apply(E2I_MODELS, kept, manager="kustomize-controller", force=True)
    assert await annotations(stage) == {"serving.e2i.dev/paused": "true"}
    # What is in Git has no marks of the tool, and is no change all the same.
    assert (await run(stage, "plan", "-f", "-", stdin=manifest(stage))).code == 0
    assert (await run(stage, "plan", "-f", "-", stdin=manifest(stage, replicas=2))).code == 1


async def test_plan_says_what_an_apply_would_do_and_does_nothing(stage: Stage) -> None:
    new = await run(stage, "plan", "-f", "-", stdin=manifest(stage, replicas=2))
    assert new.code == 1
    assert "new model" in new.out
    assert "2 more pods requesting cpu 1000m, memory 2Gi" in new.out
    assert not (await stage.kube.list(E2I_MODELS, stage.namespace))[0]

    text = manifest(stage)
    _kubectl_apply(stage, text)
    same = await run(stage, "plan", "-f", "-", stdin=text)
    assert (same.code, same.out) == (0, f"E2IModel {stage.namespace}/churn: nothing\n")
    before = await stage.model()
    scaled = await run(stage, "plan", "-f", "-", stdin=manifest(stage, replicas=4))
    assert (scaled.code, "scaling" in scaled.out, "1 -> 4 pods" in scaled.out) == (1, True, True)
    released = await run(stage, "plan", "-f", "-", "-o", "json", stdin=manifest(stage, SECOND))
    (plan,) = json.loads(released.out)["plans"]
    assert (released.code, plan["change"], plan["release"], plan["image"]) == (
        1,
        "new release",
        None,
        "export and build",
    )
    assert await stage.model() == before


async def test_plan_counts_the_sidecars_of_a_first_release_as_another_model_has_them(stage: Stage) -> None:
    alone = await run(stage, "plan", "-f", "-", stdin=manifest(stage))
    assert "requesting cpu 500m, memory 1Gi" in alone.out
    await stage.kube.create(DEPLOYMENTS, stage.namespace, _neighbour("runner", "runner", "9", "9Gi"))
    await stage.kube.create(DEPLOYMENTS, stage.namespace, _neighbour("entry", "api-server", "100m", "200Mi"))
    planned = await run(stage, "plan", "-f", "-", stdin=manifest(stage))
    assert "requesting cpu 600m, memory 1224Mi" in planned.out
    assert "sidecars" not in planned.out


def _neighbour(name: str, component: str, cpu: str, memory: str) -> Object:
    """A Deployment of another model, with a sidecar."""
    labels = {
        naming.MODEL_LABEL: "other",
        "yatai.ai/bento-deployment-component-type": component,
        "part": component,
    }
    proxy = {"name": "proxy", "image": "proxy", "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "a"}, proxy]},
    }
    return {
        "apiVersion": DEPLOYMENTS.api_version,
        "kind": DEPLOYMENTS.kind,
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"part": component}}, "template": template},
    }


@pytest.mark.parametrize("how", [(), ("--server-side",)], ids=["client-side", "server-side"])
async def test_plan_sees_what_an_apply_would_take_away(stage: Stage, how: tuple[str, ...]) -> None:
    env = [{"name": "LEVEL", "value": "INFO"}]
    _kubectl_apply(stage, manifest(stage, env=env, replicas=3), *how)
    planned = await run(stage, "plan", "-f", "-", stdin=manifest(stage))
    assert "new release" in planned.out
    assert "-  - name: LEVEL" in planned.out
    _kubectl_apply(stage, manifest(stage), *how)
    model = await stage.model()
    assert ("env" in model["spec"], model["spec"]["replicas"]) == (False, 1)
    assert (await run(stage, "plan", "-f", "-", stdin=manifest(stage))).code == 0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"labels": {"team": "b"}}, id="another label"),
        pytest.param({"annotations": {"owner": "ada"}}, id="an annotation comes"),
        pytest.param({"annotations": {}}, id="empty annotations"),
        pytest.param({"labels": None}, id="labels go"),
    ],
)
@pytest.mark.parametrize("annotated", [{}, {"annotations": {"note": "1"}}], ids=["bare", "annotated"])
async def test_plan_foretells_what_kubectl_itself_foretells(
    stage: Stage, change: dict[str, Any], annotated: dict[str, Any]
) -> None:
    """Others have written too: an annotation that steers, and a size by an autoscaler."""
    first = yaml.safe_load(
        manifest(stage, env=[{"name": "A", "value": "1"}], rollout={"strategy": "InPlace"})
    )
    first["metadata"] |= {"labels": {"team": "a"}, **annotated}
    _kubectl_apply(stage, yaml.safe_dump(first))
    assert (await run(stage, "pause", "churn")).code == 0
    await stage.change(replicas=4)
    second = yaml.safe_load(manifest(stage))
    second["metadata"] |= {key: value for key, value in change.items() if value is not None}
    shown = _kubectl_apply(stage, yaml.safe_dump(second), "--dry-run=server", "-o", "json")
    foretold = (await dry_run(Session(stage.kube, stage.namespace), second, None)).after
    assert foretold
    assert _by_people(foretold) == _by_people(json.loads(shown))


def _by_people(body: Object) -> Object:
    return {**user_metadata(body), "spec": body["spec"]}


def _kubectl_apply(stage: Stage, text: str, *how: str) -> str:
    return subprocess.run(
        [str(stage.home.kubectl), f"--kubeconfig={stage.home.kubeconfig}", "apply", *how, "-f", "-"],
        input=text,
        text=True,
        check=True,
        capture_output=True,
    ).stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bento": {"tag": "churn:latest"}}, "would mean another model tomorrow"),
        ({"replica": 2}, 'unknown field "spec.replica"'),
    ],
)
async def test_plan_gives_the_api_servers_own_words(stage: Stage, change: dict[str, Any], words: str) -> None:
    text = yaml.safe_load(manifest(stage))
    text["spec"].update(change)
    done = await run(stage, "plan", "-f", "-", stdin=yaml.safe_dump(text))
    assert done.code == 2
    assert words in done.err
    assert len(done.err.splitlines()) == 1


async def test_a_name_that_is_not_there_brings_those_that_are_near(stage: Stage) -> None:
    await stage.create("churn-model")
    done = await run(stage, "status", "churn-modle")
    assert done.code == 2
    assert done.err == (
        f"Error: There is no E2IModel churn-modle in namespace {stage.namespace}. Did you mean churn-model?\n"
    )


async def test_names_are_completed_from_the_cluster(stage: Stage) -> None:
    await stage.create("churn-model")
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "complete",
        "--",
        "status",
        "-n",
        stage.namespace,
        "chu",
        env=environment(stage),
        stdout=subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 90)
    assert out.decode().splitlines() == ["churn-model", ":4"]


def a_guest(stage: Stage, folder: Path) -> str:
    """A kubeconfig of somebody without any rights."""
    where = f"--namespace={stage.namespace}"
    kubectl(stage.home, "create", "serviceaccount", "guest", where)
    config = yaml.safe_load(stage.home.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": kubectl(stage.home, "create", "token", "guest", where).strip()}
    file = folder / "guest"
    file.write_text(yaml.safe_dump(config))
    return str(file)


async def test_who_may_not_look_is_told_so(stage: Stage, tmp_path: Path) -> None:
    done = await run(stage, "status", "churn", KUBECONFIG=a_guest(stage, tmp_path))
    assert done.code == 2
    assert 'e2imodels.serving.e2i.dev "churn" is forbidden' in done.err
    assert done.err.endswith("Ask for a role that allows it.\n")


async def test_who_may_see_models_only_sees_those(stage: Stage, tmp_path: Path) -> None:
    await stage.create()
    guest = a_guest(stage, tmp_path)
    where, account = f"--namespace={stage.namespace}", f"--serviceaccount={stage.namespace}:guest"
    kubectl(
        stage.home, "create", "role", "see", "--verb=get,list", "--resource=e2imodels.serving.e2i.dev", where
    )
    kubectl(stage.home, "create", "rolebinding", "see", "--role=see", account, where)
    done = await run(stage, "status", "churn", KUBECONFIG=guest)
    assert done.code == 0
    assert "note: You may not list pods here: they are left out." in done.out


async def test_a_cluster_without_the_crd_is_told(cluster: TestCluster, stage: Stage) -> None:
    assert cluster.home
    kubectl(cluster.home, "delete", "crd", "e2imodels.serving.e2i.dev")
    try:
        done = await run(stage, "status", "churn")
    finally:
        apply_files(cluster.home, CRD)
        wait_for_kinds(cluster.home, "e2imodels.serving.e2i.dev")
        kubectl(cluster.home, "get", "e2imodels", "--all-namespaces")
    assert done.code == 2
    assert "This cluster does not know E2IModels: their CRD is not installed." in done.err
    assert len(done.err.splitlines()) == 1


@pytest.fixture
async def path(stage: Stage, tmp_path: Path) -> str:
    """A PATH with kubectl, the plugin under the name that kubectl looks for, and its completion."""
    program, hook = tmp_path / "kubectl-e2i", tmp_path / "kubectl_complete-e2i"
    program.write_text(f"#!{sys.executable}\nfrom e2i.cli.plugin import main\nmain()\n")
    hook.write_text((await run(stage, program=(*PROGRAM, "completion", "kubectl"))).out)
    for file in (program, hook):
        file.chmod(0o755)
    return os.pathsep.join([str(tmp_path), str(stage.home.kubectl.parent), os.environ["PATH"]])


async def test_kubectl_finds_it_and_passes_everything_on(stage: Stage, path: str) -> None:
    await stage.create()
    done = await run(stage, "status", "churn", program=("kubectl", "e2i"), PATH=path)
    assert f"E2IModel {stage.namespace}/churn" in done.out


async def test_kubectl_completes_it(stage: Stage, path: str) -> None:
    done = await run(stage, program=("kubectl", "__complete", "e2i", "pro"), PATH=path)
    assert done.out.splitlines()[:2] == ["promote\tEnd the pause of a canary.", ":4"]


async def test_plan_takes_a_kustomization(stage: Stage, path: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "churn.yaml").write_text(manifest(stage))
    (folder / "kustomization.yaml").write_text("resources: [churn.yaml]\nimages: []\n")
    done = await run(stage, "plan", "-k", str(folder), PATH=path)
    assert (done.code, "new model" in done.out) == (1, True)
    (folder / "kustomization.yaml").write_text("resources: [gone.yaml]\n")
    done = await run(stage, "plan", "-k", str(folder), PATH=path)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "gone.yaml" in done.err


@pytest.fixture
async def operated(cluster: TestCluster, stage: Stage, tmp_path: Path) -> AsyncIterator[str]:
    """A model that the operator has made ready; the release that serves."""
    assert cluster.home
    store = tmp_path / "store"
    a_bento(store, FIRST)
    a_bento(store, SECOND, labels={"second": "yes"})
    async with controllers(cluster, ImageStore(tmp_path / "images")):
        with operating(cluster.home, tmp_path, store):
            await stage.create(rollout={"scaleDownDelaySeconds": 0})
            await stage.ready()
            yield (await stage.model())["status"]["servingRelease"]


async def test_a_served_model_is_shown_down_to_its_pods(stage: Stage, operated: str) -> None:
    shown = json.loads((await run(stage, "status", "churn", "-o", "json")).out)
    (release,) = shown["releases"]
    assert (release["release"], release["roles"]) == (operated, ["desired", "serving"])
    assert release["request"]["state"] == "Built"
    assert release["request"]["image"]
    assert [pod["state"] for pod in release["deployment"]["workload"]["pods"]] == ["Ready"]


async def test_a_release_is_planned_and_taken_back_without_a_build(stage: Stage, operated: str) -> None:
    await stage.change(bento={"tag": SECOND})
    await stage.ready()
    assert len(await stage.children(BENTO_REQUESTS)) == 2
    text = manifest(stage, rollout={"scaleDownDelaySeconds": 0})
    back = await run(stage, "plan", "-f", "-", "-o", "json", stdin=text)
    (plan,) = json.loads(back.out)["plans"]
    assert (plan["change"], plan["release"], plan["image"]) == ("new release", operated, "kept")
    done = await run(stage, "undo", "churn")
    assert (done.code, done.err) == (0, "")
    await stage.ready()
    assert (await stage.model())["status"]["servingRelease"] == operated
    assert len(await stage.children(BENTO_REQUESTS)) == 2
    assert (await run(stage, "status", "churn", "-w")).code == 0
