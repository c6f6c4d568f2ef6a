"""The real Argo CD 3.2.1 syncs the operator and models from a Git repository to the local cluster."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
import yaml
from support.argocd import PROJECT
from support.deep import is_deep
from support.e2e import FIRST, SECOND, answered_by, give_download_secret
from support.field_rows import FULL
from support.gitops import (
    APPLICATIONS,
    MODELS,
    PLATFORM,
    SERVER_SIDE,
    GitOps,
    Writes,
    a_model,
    application_set,
)
from support.pod_fields import ASKING
from support.stage import NAMESPACES, Stage

from e2i.kube import Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, E2I_MODELS, SERVICES
from e2i.local.kubectl import kubectl

pytestmark = pytest.mark.e2e

CRDS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
QUIET = 600.0 if is_deep() else 20.0
"""Seconds in which nothing may happen; Argo CD looks at an Application every five."""
SETTLED = 3.0
"""Seconds without a write, after which what was under way has ended."""
BAD = {
    "verify": [{"path": "/predict", "body": '{"text": "hello"}', "expect": {"subset": '{"score": 0.9}'}}],
    "scaleDownDelaySeconds": 5,
}
CHILDREN = (BENTO_DEPLOYMENTS, BENTO_REQUESTS, SERVICES)
AUTOSCALER = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop, namespace: models}
spec:
  scaleTargetRef: {apiVersion: serving.e2i.dev/v1alpha1, kind: E2IModel, name: shop}
  minReplicas: 2
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
"""


async def test_waves_bring_the_operator_before_the_models_of_the_same_application(gitops: GitOps) -> None:
    state = (await gitops.application(PLATFORM))["status"]["operationState"]
    assert state["phase"] == "Succeeded", state
    operator = await gitops.kube.get(DEPLOYMENTS, "e2i-system", "e2i-operator")
    assert operator
    (available,) = [each for each in operator["status"]["conditions"] if each["type"] == "Available"]
    model = await gitops.stage.model("first")
    made = model["metadata"]["creationTimestamp"]
    assert datetime.fromisoformat(made) >= datetime.fromisoformat(available["lastTransitionTime"])
    assert await answered_by(gitops.stage, "first") == FIRST


async def test_a_bad_release_is_degraded_without_a_loop_and_a_revert_heals_it(gitops: GitOps) -> None:
    gitops.repository.write("shop/model.yaml", a_model("shop"))
    gitops.repository.commit("A model")
    gitops.create("shop")
    assert "Progressing" in await gitops.until("shop", "Synced", "Healthy")
    await scaled_without_drift(gitops)

    gitops.repository.write("shop/model.yaml", a_model("shop", bento={"tag": SECOND}, rollout=BAD))
    await gitops.commit("shop", "A bad release")
    await gitops.until("shop", "Synced", "Degraded")
    message = await gitops.told("shop", "shop")
    assert message.startswith("VerificationFailed: ")
    assert "$.score should be 0.9, but is 0.5" in message
    assert await answered_by(gitops.stage, "shop") == FIRST
    await nothing_happens(gitops, "shop")
    assert await answered_by(gitops.stage, "shop") == FIRST

    await gitops.synced("shop", gitops.repository.revert())
    await gitops.until("shop", "Synced", "Healthy")
    assert await answered_by(gitops.stage, "shop") == FIRST


async def scaled_without_drift(gitops: GitOps) -> None:
    """An autoscaler writes spec.replicas, which Git leaves out: that is no drift, and self-heal leaves it."""
    kubectl(gitops.home, "apply", "--server-side", "--filename=-", given=AUTOSCALER)

    async def is_scaled() -> bool:
        model = await gitops.stage.model("shop")
        return model["spec"]["replicas"] == 2 and model["status"].get("readyReplicas") == 2

    await gitops.wait("shop", is_scaled, "scaled to two pods")
    kubectl(gitops.home, "delete", "hpa", "shop", f"--namespace={MODELS}")
    await gitops.until("shop", "Synced", "Healthy")
    assert (await gitops.stage.model("shop"))["spec"]["replicas"] == 2


async def nothing_happens(gitops: GitOps, name: str) -> None:
    """For a while Argo CD and the operator look, and neither syncs nor writes."""
    await settled(gitops, name)
    before, writes = await gitops.application(name), Writes(gitops.home)
    model = (await gitops.stage.model(name))["metadata"]["resourceVersion"]
    await asyncio.sleep(QUIET)
    after = await gitops.application(name)
    assert after["status"]["reconciledAt"] > before["status"]["reconciledAt"], "Argo CD has not looked"
    for part in ("history", "operationState", "sync", "health"):
        assert after["status"][part] == before["status"][part]
    assert (await gitops.stage.model(name))["metadata"]["resourceVersion"] == model
    assert writes.of_argocd_and_operator() == []


async def settled(gitops: GitOps, name: str) -> None:
    """Wait until the pods of the failed release are gone, and nothing is left to do."""

    async def is_alone() -> bool:
        status = (await gitops.stage.model(name))["status"]
        found = await gitops.stage.children(BENTO_DEPLOYMENTS)
        names = {
            each["metadata"]["name"] for each in found if each["metadata"]["name"].startswith(f"{name}-")
        }
        return names == {f"{name}-{status['servingRelease']}"}

    async def is_quiet() -> bool:
        writes = Writes(gitops.home)
        await asyncio.sleep(SETTLED)
        return writes.of_argocd_and_operator() == []

    await gitops.wait(name, is_alone, "rid of the failed release")
    await gitops.wait(name, is_quiet, "at rest")


async def test_a_model_that_leaves_git_is_pruned_with_all_its_children(gitops: GitOps) -> None:
    gitops.repository.write(
        "gone/kept.yaml", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}}
    )
    gitops.repository.write("gone/model.yaml", a_model("gone", deletionPolicy="Delete"))
    gitops.repository.commit("A model")
    gitops.create("gone")
    await gitops.until("gone", "Synced", "Healthy")
    (gitops.repository.folder / "gone" / "model.yaml").unlink()
    await gitops.commit("gone", "No model")
    await gitops.until("gone", "Synced", "Healthy")

    async def is_gone() -> bool:
        if await gitops.kube.get(E2I_MODELS, MODELS, "gone"):
            return False
        return not [
            each
            for kind in CHILDREN
            for each in await gitops.stage.children(kind)
            if each["metadata"]["name"].startswith("gone")
        ]

    await gitops.wait("gone", is_gone, "gone with its children")


async def test_actions_pause_resume_and_retry(gitops: GitOps) -> None:
    gitops.repository.write("steered/model.yaml", a_model("steered"))
    gitops.repository.commit("A model")
    gitops.create("steered")
    await gitops.until("steered", "Synced", "Healthy")
    await gitops.act("steered", "pause")
    await gitops.until("steered", "Synced", "Suspended")
    gitops.repository.write(
        "steered/model.yaml", a_model("steered", rollout=BAD, env=[{"name": "A", "value": "B"}])
    )
    await gitops.commit("steered", "A bad release")
    await gitops.until("steered", "Synced", "Degraded")
    await gitops.act("steered", "resume")
    failed = (await gitops.stage.model("steered"))["status"]["failedReleases"][0]["trial"]
    await gitops.act("steered", "retry")

    async def is_tried_again() -> bool:
        known = (await gitops.stage.model("steered"))["status"].get("failedReleases", ())
        return any(each["trial"] != failed for each in known)

    await gitops.wait("steered", is_tried_again, "tried again")
    await gitops.until("steered", "Synced", "Degraded")


async def test_an_application_set_brings_each_environment_to_its_cluster(gitops: GitOps) -> None:
    place = Stage(gitops.kube, gitops.home, "models-production")
    await gitops.kube.create(NAMESPACES, None, {"metadata": {"name": place.namespace}})
    await give_download_secret(place)
    for environment, namespace in (("staging", MODELS), ("production", place.namespace)):
        folder = f"kustomize/environments/{environment}"
        model = a_model(f"in-{environment}")
        model["metadata"]["namespace"] = namespace
        gitops.repository.write(f"{folder}/model.yaml", model)
        parts = yaml.safe_load((PROJECT / folder / "kustomization.yaml").read_text())
        gitops.repository.write(f"{folder}/kustomization.yaml", {**parts, "resources": ["model.yaml"]})
        # The cluster under two of its names: one address for each environment.
        url = gitops.home.api_server_url
        server = url if environment == "staging" else url.replace("127.0.0.1", "localhost")
        gitops.argocd.register(environment, server, **{"serving.e2i.dev/environment": environment})
    gitops.repository.commit("Two environments")
    gitops.argocd.apply([application_set(gitops.repository.url)])

    async def are_made() -> bool:
        names = {f"e2i-models-{environment}" for environment in ("staging", "production")}
        found, _ = await gitops.kube.list(APPLICATIONS, "argocd")
        return names <= {each["metadata"]["name"] for each in found}

    await gitops.wait(PLATFORM, are_made, "joined by both environments")
    for environment in ("staging", "production"):
        await gitops.until(f"e2i-models-{environment}", "Synced", "Healthy")
    watched = await place.model("in-production")
    assert watched["spec"]["rollout"]["watch"] == {"seconds": 120, "maxErrorRatio": "0.05", "minRequests": 20}


@pytest.mark.parametrize("options", [SERVER_SIDE, ()], ids=["server-side", "client-side"])
async def test_there_is_no_diff_after_an_apply(gitops: GitOps, options: tuple[str, ...]) -> None:
    name = "diff-server" if options else "diff-client"
    for number, spec in enumerate(specs()):
        # Suspended: nothing runs, and the whole of the spec is compared.
        model = a_model(f"{name}-{number}", **{**spec, "suspend": True})
        gitops.repository.write(f"{name}/{number}.yaml", model)
    gitops.repository.commit("Models with every field")
    gitops.create(name, options)
    await gitops.until(name, "Synced", "Suspended")
    await gitops.compare_server_side(name)
    await gitops.until(name, "Synced", "Suspended")


async def test_the_operators_objects_have_no_diff_after_a_client_side_apply(gitops: GitOps) -> None:
    """They were applied server-side before, as every Application here."""
    await gitops.sync(PLATFORM, options=())
    known = "kubectl.kubernetes.io/last-applied-configuration"
    crd = await gitops.kube.get(CRDS, None, "e2imodels.serving.e2i.dev")
    assert crd
    assert known in crd["metadata"]["annotations"]
    await gitops.until(PLATFORM, "Synced", "Healthy")
    await gitops.compare_server_side(PLATFORM)
    await gitops.until(PLATFORM, "Synced", "Healthy")


def specs() -> list[dict[str, Any]]:
    """Return those of the samples, and two that use every field."""
    samples = sorted((PROJECT / "manifests" / "samples").glob("*.yaml"))
    return [*(yaml.safe_load(sample.read_text())["spec"] for sample in samples), FULL, ASKING]
