"""A cluster in memory, with a small Yatai and a bento store: the operator's real passes run on it.

It refuses what cannot be, gives every change a new version, removes what lost its owner, counts what is
asked of it, and fails when it is told to.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from support.builders import ACCESS, NOON, an_artifact

from e2i.core import naming
from e2i.core.conditions import Reason, timestamp
from e2i.core.observed import Artifact, Trouble
from e2i.edge.act import Hands
from e2i.edge.exports import Exports
from e2i.edge.kinds import CHILDREN, E2I_MODELS
from e2i.edge.view import View
from e2i.kube import ApiError, Object, Resource
from e2i.reconcile import Outcome, Pass, reconcile

Place = tuple[str, str, str]
"""(kind, namespace, name)"""
NAMESPACE = "models"


class FakeKube:
    """The API server, as far as the operator asks it."""

    def __init__(self, world: World) -> None:
        self.objects: dict[Place, Object] = {}
        self.writes: Counter[tuple[str, str]] = Counter()
        self.events: list[tuple[str, str, str]] = []
        self.fail: list[ApiError] = []
        """Each refuses one write of the operator."""
        self.missing: set[str] = set()
        """Kinds that the cluster does not serve."""
        self._world = world
        self._version = 0

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        self._must_serve(resource)
        return copy.deepcopy(self.objects.get((resource.kind, namespace or "", name)))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = ""
    ) -> tuple[list[Object], str]:
        self._must_serve(resource)
        found = [
            copy.deepcopy(item)
            for (kind, space, _), item in self.objects.items()
            if kind == resource.kind and namespace in (None, space) and _matches(item, labels)
        ]
        return found, str(self._version)

    async def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        self._write("create", resource)
        self.events.append((body["regarding"]["name"], body["type"], body["reason"]))
        return body

    async def apply(
        self, resource: Resource, body: Object, *, manager: str, force: bool = False, subresource: str = ""
    ) -> Object:
        self._write("status" if subresource else "apply", resource)
        metadata = body["metadata"]
        place = (resource.kind, metadata["namespace"], metadata["name"])
        old = self.objects.get(place)
        if subresource:
            if old is None:
                raise ApiError(404, "NotFound", f"{place} not found")
            if old["metadata"]["uid"] != metadata["uid"]:
                raise ApiError(409, "Conflict", "the UID in the precondition does not match")
            return self.put(place, {**old, "status": copy.deepcopy(body["status"])})
        self._must_be_possible(body)
        if old is None:
            return self.put(place, copy.deepcopy(body))
        if not force and old["metadata"].get("labels", {}).get(naming.MANAGED_BY_LABEL) != manager:
            raise ApiError(409, "Conflict", "Apply failed with 1 conflict: .spec")
        merged = {**old, **copy.deepcopy(body), "metadata": {**old["metadata"], **copy.deepcopy(metadata)}}
        return self.put(place, merged)

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str | None = None
    ) -> None:
        self._write("delete", resource)
        item = self.objects.get((resource.kind, namespace or "", name))
        if item is None:
            return
        if uid and item["metadata"]["uid"] != uid:
            raise ApiError(409, "Conflict", "the UID in the precondition does not match")
        assert not self._world.takes_traffic(item), f"{name} was deleted while the address leads to it"
        self.remove((resource.kind, namespace or "", name))

    def put(self, place: Place, body: Object) -> Object:
        """Store it; a new version only for a real change, a new generation only for a changed spec."""
        old = self.objects.get(place)
        if old is not None and _content(old) == _content(body):
            return copy.deepcopy(old)
        self._version += 1
        known = old["metadata"] if old else {"uid": f"uid-{self._version}", "generation": 0}
        generation = known["generation"] + (old is None or old.get("spec") != body.get("spec"))
        created = known.get("creationTimestamp", timestamp(self._world.now))
        body["metadata"] = body["metadata"] | {
            "uid": known["uid"],
            "generation": generation,
            "creationTimestamp": created,
            "resourceVersion": str(self._version),
        }
        self.objects[place] = body
        self._world.tell(place[0], "MODIFIED" if old else "ADDED", body)
        return copy.deepcopy(body)

    def remove(self, place: Place) -> None:
        """Remove an object, and all that it owns."""
        gone = self.objects.pop(place)
        self._version += 1
        gone["metadata"]["resourceVersion"] = str(self._version)
        self._world.tell(place[0], "DELETED", gone)
        for other, item in list(self.objects.items()):
            owners = item["metadata"].get("ownerReferences", ())
            if any(owner["uid"] == gone["metadata"]["uid"] for owner in owners) and other in self.objects:
                self.remove(other)

    def _must_serve(self, resource: Resource) -> None:
        if resource.kind in self.missing:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")

    def _write(self, verb: str, resource: Resource) -> None:
        self._must_serve(resource)
        self.writes[verb, resource.kind] += 1
        if self.fail:
            raise self.fail.pop(0)

    def _must_be_possible(self, body: Object) -> None:
        """What no operator may ever write."""
        metadata, spec = body["metadata"], body["spec"]
        owners = [owner["uid"] for owner in metadata["ownerReferences"]]
        assert len(owners) == 1, "a child has one owner"
        owner = self.objects.get((naming.KIND, metadata["namespace"], metadata["labels"][naming.MODEL_LABEL]))
        assert owner is None or owner["metadata"]["uid"] in owners, "a child of somebody else's model"
        if body["kind"] == "Service":
            release = spec["selector"][naming.RELEASE_LABEL]
            assert self._world.pods_of(release), (
                f"the address moves to release {release}, which has no ready pod"
            )
        if body["kind"] == "BentoDeployment":
            old = self.objects.get((body["kind"], metadata["namespace"], metadata["name"]))
            kept = {key: value for key, value in spec.items() if key != "autoscaling"}
            assert old is None or self._world.was_edited(old) or kept.items() <= old["spec"].items(), (
                "a release was edited"
            )


class World:
    """The whole stage: time, cluster, Yatai, store, and one operator at a time."""

    def __init__(self) -> None:
        self.now = NOON
        self.kube = FakeKube(self)
        self.digests: dict[str, str] = {}
        self.trouble: dict[str, Trouble] = {}
        self.bad_builds: set[str] = set()
        """Bento digests of which no image can be built."""
        self.bad_pods: set[str] = set()
        """Values of the variable MODE with which no pod gets ready."""
        self.edited: set[str] = set()
        self._watched = True
        self.exports_begun: list[str] = []
        self.start_operator()

    def start_operator(self) -> None:
        """A fresh operator that knows nothing: it lists, as the real one does at its start."""
        self.view = View()
        self.due: dict[tuple[str, str], datetime] = {}
        self.exports = Exports(self._bring, self._wake, limit=2)
        self.hands = Hands(kube=self.kube, view=self.view, exports=self.exports, access=ACCESS)  # type: ignore[arg-type]
        self.resync()

    def resync(self) -> None:
        self.view.missing_kinds = frozenset(self.kube.missing)
        for resource in (*CHILDREN, E2I_MODELS):
            bodies = [
                copy.deepcopy(item) for (kind, *_), item in self.kube.objects.items() if kind == resource.kind
            ]
            for key in self.view.replace(resource.kind, bodies, self.kube._version):
                self._wake(key)
        for model in self.view.models():
            self._wake(model.key)

    async def restart(self) -> None:
        await self.exports.close()
        self.start_operator()

    async def close(self) -> None:
        await self.exports.close()

    async def later(self) -> None:
        """So much later that no result of an export is remembered, as after the time between two looks."""
        await self.exports.close()
        self.exports = Exports(self._bring, self._wake, limit=2)
        self.hands = replace(self.hands, exports=self.exports)
        for model in self.view.models():
            self._wake(model.key)

    # What people do.

    def apply(self, name: str = "churn", tag: str = "churn:1", **spec: Any) -> None:
        """As `kubectl apply` of a whole manifest does."""
        place = (naming.KIND, NAMESPACE, name)
        body = {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"type": "Classification", "bento": {"tag": tag}, **spec},
        }
        if place in self.kube.objects:
            body = {**self.kube.objects[place], "spec": body["spec"]}
        self.kube.put(place, body)

    def delete(self, name: str = "churn") -> None:
        self.kube.remove((naming.KIND, NAMESPACE, name))

    def stranger(self, kind: str, name: str) -> None:
        self.kube.put((kind, NAMESPACE, name), {"kind": kind, "metadata": {"name": name, "namespace": NAMESPACE},
                                                "spec": {"bento": "x", "bentoTag": "x:y"}})  # fmt: skip

    def edit(self, kind: str, name: str, **spec: Any) -> None:
        place = (kind, NAMESPACE, name)
        self.edited.add(name)
        old = self.kube.objects[place]
        self.kube.put(place, {**old, "spec": {**old["spec"], **spec}})

    # What is to be seen.

    def all(self, kind: str) -> list[Object]:
        return [item for (of, *_), item in self.kube.objects.items() if of == kind]

    def status(self, name: str = "churn") -> Mapping[str, Any]:
        status: Mapping[str, Any] = self.kube.objects[naming.KIND, NAMESPACE, name].get("status", {})
        return status

    def condition(self, kind: str = "Ready", name: str = "churn") -> str:
        """True/Ready, or nothing"""
        found = [item for item in self.status(name).get("conditions", ()) if item["type"] == kind]
        return f"{found[0]['status']}/{found[0]['reason']}" if found else "nothing"

    def address(self, name: str = "churn") -> str | None:
        """The release that the model's Service leads to."""
        service = self.kube.objects.get(("Service", NAMESPACE, name))
        return service["spec"].get("selector", {}).get(naming.RELEASE_LABEL) if service else None

    def pods_of(self, release: str) -> int:
        """Ready pods."""
        return sum(
            item["status"].get("readyReplicas", 0)
            for item in self.all("Deployment")
            if item["metadata"]["labels"][naming.RELEASE_LABEL] == release
        )

    def takes_traffic(self, item: Object) -> bool:
        labels = item["metadata"].get("labels", {})
        release = labels.get(naming.RELEASE_LABEL)
        return item["kind"] == "BentoDeployment" and release == self.address(labels[naming.MODEL_LABEL])

    def was_edited(self, item: Object) -> bool:
        return item["metadata"]["name"] in self.edited

    # Time goes on.

    async def run(self, passes: int = 60, step: float = 1.0, yatai: bool = True) -> None:
        """Let the operator and Yatai work, a second at a time, until nobody has anything to do."""
        for _ in range(passes):
            worked = await self.run_due()
            if yatai:
                worked = self.work_yatai() or worked
            if not worked and not self.due:
                return
            self.now += timedelta(seconds=step)

    async def run_due(self) -> bool:
        """Every pass that is due now; whether there was one."""
        due = sorted(key for key, at in self.due.items() if at <= self.now)
        for key in due:
            del self.due[key]
            self._follow(key, await self.run_pass(key))
        return bool(due)

    async def run_pass(self, key: tuple[str, str] = (NAMESPACE, "churn")) -> Pass:
        try:
            return await reconcile(key, self.hands)
        except ApiError:
            return Pass(outcome=Outcome.FAILED)

    def _follow(self, key: tuple[str, str], ended: Pass) -> None:
        if ended.outcome is Outcome.CHANGED:
            self._wake(key)
        elif ended.outcome is Outcome.FAILED:
            self._wake(key, timedelta(seconds=1))
        if ended.look_again is not None:
            self._wake(key, ended.look_again)

    def _wake(self, key: tuple[str, str], delay: timedelta = timedelta(0)) -> None:
        self.due[key] = min(self.now + delay, self.due.get(key, datetime.max.replace(tzinfo=self.now.tzinfo)))

    @contextlib.contextmanager
    def unwatched(self) -> Iterator[None]:
        """What happens in the block is not told to the operator yet."""
        self._watched = False
        yield
        self._watched = True

    def tell(self, kind: str, event: str, body: Object) -> None:
        """What the watches tell the operator."""
        if not self._watched or kind not in {resource.kind for resource in (*CHILDREN, E2I_MODELS)}:
            return
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if event == "DELETED":
            concerned = self.view.remove(kind, key, metadata["uid"])
            if kind == naming.KIND:
                self.exports.abandon(key)
        else:
            concerned = self.view.put(kind, copy.deepcopy(body))
        if concerned:
            self._wake(concerned)

    def _bring(self, tag: str, progress: object, cancel: threading.Event) -> Artifact | Trouble:
        self.exports_begun.append(tag)
        if tag in self.trouble:
            return self.trouble[tag]
        if tag.startswith("missing"):
            return Trouble(reason=Reason.BentoNotFound, message=f"the store has no {tag}", stalled=True)
        return an_artifact(tag, self.digests.get(tag, digest_of(tag)))

    # What Yatai does, one step at a time.

    def work_yatai(self) -> bool:
        """Whether there was anything to do."""
        before = self.kube._version
        for request in self.all("BentoRequest"):
            self._build(request)
        for deployment in self.all("BentoDeployment"):
            self._run(deployment)
        for workload in self.all("Deployment"):
            self._start_pods(workload)
        return self.kube._version != before

    def _build(self, request: Object) -> None:
        place = ("BentoRequest", NAMESPACE, request["metadata"]["name"])
        told = {item["type"]: item for item in request.get("status", {}).get("conditions", ())}
        if naming.DIGEST_ANNOTATION not in request["metadata"].get("annotations", {}):
            return
        if "ImageBuilding" not in told:
            conditions = [_condition("ImageBuilding", "True", "Bento image is building", self.now)]
        elif told["ImageBuilding"]["status"] == "True":
            bad = request["metadata"]["annotations"][naming.DIGEST_ANNOTATION] in self.bad_builds
            name = request["metadata"]["name"]
            words = f"Job {name} is failed." if bad else "Bento image is built"
            conditions = [
                _condition("BentoAvailable", "Unknown" if bad else "True", "", self.now),
                _condition("ImageBuilding", "False", words, self.now),
            ]
        else:
            return
        self.kube.put(place, {**request, "status": {"conditions": conditions}})

    def _run(self, deployment: Object) -> None:
        """A Deployment once the image is there, of the size that the autoscaler's bounds allow."""
        built = {
            request["metadata"]["name"]
            for request in self.all("BentoRequest")
            for item in request.get("status", {}).get("conditions", ())
            if (item["type"], item["status"]) == ("BentoAvailable", "True")
        }
        if deployment["spec"]["bento"] not in built:
            return
        metadata = deployment["metadata"]
        place = ("Deployment", NAMESPACE, metadata["name"])
        old = self.kube.objects.get(place)
        bounds = deployment["spec"]["autoscaling"]
        replicas = old["spec"]["replicas"] if old else 1
        replicas = max(bounds["minReplicas"], min(bounds["maxReplicas"], replicas)) if old else 1
        mode = next((env["value"] for env in deployment["spec"]["envs"] if env["name"] == "MODE"), "")
        owner = {
            "uid": metadata["uid"],
            "controller": True,
            "kind": "BentoDeployment",
            "name": metadata["name"],
        }
        body = {
            "kind": "Deployment",
            "metadata": {
                "name": metadata["name"],
                "namespace": NAMESPACE,
                "labels": dict(deployment["spec"]["labels"]),
                "ownerReferences": [owner],
            },
            "spec": {"replicas": replicas, "mode": mode},
            "status": old.get("status", {}) if old else {},
        }
        self.kube.put(place, body if old is None else {**old, "spec": body["spec"]})

    def _start_pods(self, workload: Object) -> None:
        place = ("Deployment", NAMESPACE, workload["metadata"]["name"])
        count = workload["spec"]["replicas"]
        ready = 0 if workload["spec"]["mode"] in self.bad_pods else count
        generation = workload["metadata"]["generation"]
        status = {
            "observedGeneration": generation,
            "replicas": count,
            "updatedReplicas": count,
            "readyReplicas": ready,
        }
        self.kube.put(place, {**workload, "status": status})


def digest_of(tag: str) -> str:
    """A bento's digest, for a store that holds every bento."""
    return f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}"


def _condition(kind: str, status: str, message: str, at: datetime) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": "Because",
        "message": message,
        "lastTransitionTime": timestamp(at),
    }


def _content(body: Mapping[str, Any]) -> Object:
    volatile = ("resourceVersion", "generation", "uid", "creationTimestamp")
    metadata = {key: value for key, value in body["metadata"].items() if key not in volatile}
    return {"metadata": metadata, "spec": body.get("spec"), "status": body.get("status") or {}}


def _matches(item: Object, labels: str) -> bool:
    wanted = dict(pair.split("=") for pair in labels.split(",") if pair)
    return wanted.items() <= item["metadata"].get("labels", {}).items()
