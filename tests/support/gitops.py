"""Applications of Argo CD in a test: made, looked at, and waited for."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from support.argocd import NAMESPACE, PROJECT, ArgoCD, Repository, ask_lua
from support.e2e import FIRST, SMALL
from support.stage import Stage

from e2i.api import naming
from e2i.kube import Kube, Object, Resource
from e2i.kube.e2i_kinds import E2I_MODELS
from e2i.local.layout import ClusterHome

APPLICATIONS = Resource("argoproj.io", "v1alpha1", "applications", "Application")
PATIENCE = 180.0
"""Seconds; only a bound for a machine under heavy load."""
MODELS = "models"
PLATFORM = "platform"
REFRESH = "argocd.argoproj.io/refresh"
SERVER_SIDE = ("ServerSideApply=true",)
_WRITES = frozenset(("create", "update", "patch", "delete", "deletecollection"))
_OWN = (
    "argoproj.io",
    "coordination.k8s.io",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
)


@dataclass(frozen=True)
class Place:
    """A cluster, its Argo CD, and the repository from which that syncs."""

    home: ClusterHome
    argocd: ArgoCD
    repository: Repository


def a_model(name: str, **spec: Any) -> dict[str, Any]:
    """Return the manifest of a model that answers."""
    return {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        "metadata": {"name": name, "namespace": MODELS},
        "spec": {"type": "Classification", "bento": {"tag": FIRST}, "resources": SMALL, **spec},
    }


def platform(repository: Repository) -> None:
    """Put the operator's overlay and one model into the repository: the folder `platform` of one Application."""
    repository.copy("kustomize", "manifests")
    parts = {
        "resources": ["../kustomize/overlays/local", "model.yaml"],
        "components": ["../kustomize/components/guard", "../kustomize/components/argocd"],
    }
    repository.write(f"{PLATFORM}/kustomization.yaml", parts)
    repository.write(f"{PLATFORM}/model.yaml", a_model("first"))
    repository.commit("The operator and a model")


class GitOps:
    """What a team does with Argo CD, and what it sees there."""

    def __init__(self, kube: Kube, place: Place) -> None:
        self.kube = kube
        self.home, self.argocd, self.repository = place.home, place.argocd, place.repository
        self.stage = Stage(kube, place.home, MODELS)

    async def install_platform(self) -> None:
        """Let Argo CD install the operator, unless it has."""
        if await self.kube.get(APPLICATIONS, NAMESPACE, PLATFORM) is None:
            self.argocd.register("staging", self.home.api_server_url)
            self.create(PLATFORM)
        await self.until(PLATFORM, "Synced", "Healthy")

    def create(self, name: str, options: Sequence[str] = SERVER_SIDE) -> None:
        """Make an Application that syncs the folder `name` by itself, and heals and prunes."""
        spec = {
            "project": "default",
            "source": {"repoURL": self.repository.url, "targetRevision": "main", "path": name},
            "destination": {"server": self.home.api_server_url, "namespace": MODELS},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": list(options)},
        }
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        }
        kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
        self.argocd.apply([{**kind, "metadata": metadata, "spec": spec}])

    async def application(self, name: str) -> Object:
        found = await self.kube.get(APPLICATIONS, NAMESPACE, name)
        assert found, f"there is no Application {name}"
        return found

    async def refresh(self, name: str) -> None:
        """Let Argo CD look now, as somebody who presses its button: it has no webhook here."""
        await self._annotate(name, REFRESH, "normal")

        async def has_looked() -> bool:
            return REFRESH not in (await self.application(name))["metadata"].get("annotations", {})

        await self.wait(name, has_looked, "refreshed")

    async def compare_server_side(self, name: str) -> None:
        """Let Argo CD compare by a dry run of the API server from now on."""
        await self._annotate(name, "argocd.argoproj.io/compare-options", "ServerSideDiff=true")
        await self.refresh(name)

    async def sync(self, name: str, options: Sequence[str]) -> None:
        """Sync everything once more, with these options from now on."""
        status = (await self.application(name))["status"]
        operation = {"initiatedBy": {"username": "tests"}, "sync": {"syncOptions": list(options)}}
        spec = {"syncPolicy": {"syncOptions": list(options)}}
        await self.kube.patch(APPLICATIONS, NAMESPACE, name, {"spec": spec, "operation": operation})

        async def is_synced() -> bool:
            state = (await self.application(name))["status"]["operationState"]
            return (
                state["startedAt"] != status["operationState"]["startedAt"] and state["phase"] == "Succeeded"
            )

        await self.wait(name, is_synced, "synced once more")

    async def _annotate(self, name: str, annotation: str, value: str) -> None:
        body = {"metadata": {"annotations": {annotation: value}}}
        await self.kube.patch(APPLICATIONS, NAMESPACE, name, body)

    async def commit(self, name: str, message: str) -> None:
        """Commit what was written, and wait until Argo CD has synced it."""
        await self.synced(name, self.repository.commit(message))

    async def synced(self, name: str, commit: str) -> None:
        await self.refresh(name)

        async def is_there() -> bool:
            status = (await self.application(name)).get("status", {})
            operation = status.get("operationState", {})
            done = operation.get("phase") != "Running" and operation.get("syncResult", {}).get("revision")
            return status.get("sync", {}).get("revision") == commit and done == commit

        await self.wait(name, is_there, f"commit {commit} to be synced")

    async def until(self, name: str, sync: str, health: str) -> list[str]:
        """Wait for this sync status and health; return the healths on the way there."""
        seen: list[str] = []

        async def is_so() -> bool:
            status = (await self.application(name)).get("status", {})
            now = status.get("health", {}).get("status", "")
            if now and now not in seen[-1:]:
                seen.append(now)
            return (status.get("sync", {}).get("status"), now) == (sync, health)

        await self.wait(name, is_so, f"{sync} and {health}")
        return seen

    async def wait(self, name: str, look: Callable[[], Awaitable[Any]], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not await look():
            if time.monotonic() > deadline:
                status = (await self.application(name)).get("status", {})
                shown = {
                    key: status.get(key)
                    for key in ("sync", "health", "operationState", "conditions", "resources")
                }
                raise AssertionError(f"waited {PATIENCE:.0f} s for {name} to be {what}: {json.dumps(shown)}")
            await asyncio.sleep(0.2)

    async def told(self, name: str, model: str) -> str:
        """Return what Argo CD says of the model's health."""
        resources = (await self.application(name))["status"]["resources"]
        (found,) = [each for each in resources if (each["kind"], each["name"]) == (naming.KIND, model)]
        return str(found["health"].get("message", ""))

    async def act(self, name: str, action: str) -> None:
        """Choose an action of the model: what Argo CD's server does with what its Lua returns is a merge patch."""
        model = await self.stage.model(name)
        given = ask_lua(model, action)
        (chosen,) = [each for each in given["actions"] if each["name"] == action]
        assert not chosen.get("disabled"), f"{action} cannot be chosen"
        wanted, known = given["wanted"], model["metadata"].get("annotations", {})
        annotations = wanted["metadata"].get("annotations") or {}
        assert {**wanted, "metadata": {**wanted["metadata"], "annotations": known}} == {
            **model,
            "metadata": {**model["metadata"], "annotations": known},
        }, "the action changes more than an annotation"
        patch = {**dict.fromkeys(known.keys() - annotations.keys()), **annotations}
        await self.kube.patch(E2I_MODELS, MODELS, name, {"metadata": {"annotations": patch}})


class Writes:
    """The writes to the cluster since a moment, from its audit log; not Argo CD's records, Leases, events."""

    def __init__(self, home: ClusterHome) -> None:
        self._file = home.audit_log
        self._start = self._file.stat().st_size

    def of_argocd_and_operator(self) -> list[str]:
        with self._file.open("rb") as log:
            log.seek(self._start)
            lines = log.read().splitlines()
        return [line for line in map(_written, lines) if "argocd" in line or "e2i-operator" in line]


def _written(line: bytes) -> str:
    """Return `who verb what`, or "" for what is no write to an object that counts."""
    try:
        entry = json.loads(line)
    except ValueError:  # The last line may not be complete.
        return ""
    what: Mapping[str, Any] = entry.get("objectRef", {})
    if entry["verb"] not in _WRITES or entry["stage"] != "ResponseComplete":
        return ""
    if what.get("apiGroup") in _OWN or what.get("resource") in ("events", "leases", "nodes"):
        return ""
    agent = entry.get("userAgent", "").partition(" ")[0]
    place = "/".join(what.get(part, "") for part in ("resource", "namespace", "name", "subresource"))
    return f"{entry['user']['username']} {agent} {entry['verb']} {place}"


def application_set(url: str) -> dict[str, Any]:
    """Return the project's ApplicationSet, for this repository."""
    text = (PROJECT / "manifests" / "argocd" / "models.yaml").read_text()
    given: dict[str, Any] = yaml.safe_load(text)
    given["spec"]["template"]["spec"]["source"]["repoURL"] = url
    return given
