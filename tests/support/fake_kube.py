"""An API server in memory, as far as the operator asks it.

It refuses what cannot be, gives every real change a new version, removes what lost its owner, counts writes,
and fails when it is told to.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from e2i.api import conditions, naming
from e2i.api.conditions import timestamp
from e2i.kube import ApiError, Failed, Listed, News, Object, Resource

LOOK_AGAIN = 10.0
"""Seconds between two lists of a kind that is not served."""
_T = TypeVar("_T")
Place = tuple[str, str, str]
"""(kind, namespace, name)"""


_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,251}[a-z0-9])?")


class Surroundings(Protocol):
    """What the API server does not know by itself."""

    now: datetime

    def server_time(self) -> datetime: ...

    def hear_server(self) -> None: ...

    def tell(self, kind: str, event: str, body: Object) -> None: ...

    def was_edited(self, item: Object) -> bool: ...


class Capacity(Protocol):
    """The law about what a write of the operator leaves."""

    def note(self) -> None: ...

    def judge(self) -> None: ...


class Laws(Protocol):
    """Told of each change; AssertionError for one that must not be."""

    def before_apply(self, body: Object) -> None: ...

    def before_delete(self, item: Object) -> None: ...

    def after_apply(self, body: Object) -> None: ...

    def after_change(self, item: Object) -> None: ...

    @property
    def capacity(self) -> Capacity: ...


class FakeKube:
    """Keeps objects; the same methods as `e2i.kube.Kube`."""

    def __init__(self, world: Surroundings) -> None:
        self.objects: dict[Place, Object] = {}
        self._of_kind: defaultdict[str, dict[Place, Object]] = defaultdict(dict)
        self._owned: defaultdict[str, set[Place]] = defaultdict(set)
        """Places by the uid of their owner."""
        self.writes: Counter[tuple[str, str]] = Counter()
        self.reads: Counter[str] = Counter()
        """Objects and lists that were read, by kind."""
        self.events: list[tuple[str, str, str]] = []
        """(name of the model, type, reason) for every time an Event was posted or counted."""
        self.posted: dict[str, Object] = {}
        """Events by name."""
        self.fail: list[ApiError] = []
        """Each refuses one write of the operator."""
        self.refused = 0
        """Writes that were refused, without those of a status."""
        self.missing: set[str] = set()
        """Kinds that the cluster does not serve."""
        self._world = world
        self.laws: Laws | None = None
        """Set by the world: what must hold after every change."""
        self.version = 0

    def all(self, kind: str) -> list[Object]:
        return list(self._of_kind[kind].values())

    def owned(self, uid: str) -> list[tuple[Place, Object]]:
        """Return what the object with this uid owns."""
        return [(place, self.objects[place]) for place in sorted(self._owned.get(uid, ()))]

    def _own(self, place: Place, before: Object | None, now: Object | None) -> None:
        for uid in _owners(before):
            self._owned[uid].discard(place)
        for uid in _owners(now):
            self._owned[uid].add(place)

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        self._must_serve(resource)
        self.reads[resource.kind] += 1
        return _copy(self.objects.get((resource.kind, namespace or "", name)))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        self._must_serve(resource)
        self.reads[resource.kind] += 1
        found = [
            _copy(item)
            for (_, space, _), item in self._of_kind[resource.kind].items()
            if namespace in (None, space) and matches(item, labels)
        ]
        return found, str(self.version)

    async def list_parsed(
        self,
        resource: Resource,
        parse: Callable[[Object], _T],
        *,
        namespace: str | None = None,
        labels: str = "",
    ) -> tuple[list[_T], str]:
        found, version = await self.list(resource, namespace, labels=labels)
        return [parse(item) for item in found], version

    async def track(
        self,
        resource: Resource,
        parse: Callable[[Object], _T],
        *,
        namespace: str | None = None,
        labels: str = "",
        since: str = "",
        relist: float,
    ) -> AsyncIterator[News[_T]]:
        """List the kind if it was not listed, and every `relist` seconds; the world tells what changes at once."""
        wait = relist if since else 0.0
        while True:
            await asyncio.sleep(wait)
            try:
                found, version = await self.list_parsed(resource, parse, namespace=namespace, labels=labels)
            except ApiError as error:
                wait = LOOK_AGAIN
                yield Failed(error)
            else:
                wait = relist
                yield Listed(tuple(found), version)

    async def create(self, resource: Resource, namespace: str | None, body: Object, **_: object) -> Object:
        self._write("create", resource)
        about = body["involvedObject"]
        self.events.append((about["name"], body["type"], body["reason"]))
        name = body["metadata"]["name"]
        assert name not in self.posted, "an Event of that name is there"
        self.posted[name] = _copy(body)
        return body

    async def apply(
        self, resource: Resource, body: Object, *, manager: str, force: bool = False, subresource: str = ""
    ) -> Object:
        self._write("status" if subresource else "apply", resource)
        metadata = body["metadata"]
        place = (resource.kind, metadata["namespace"], metadata["name"])
        old = self.objects.get(place)
        if resource.kind == naming.KIND and not subresource:
            return self._finalize(place, metadata.get("finalizers", []))
        if subresource:
            return self._write_status(place, metadata, body["status"], manager)
        if resource.kind == "Deployment":
            return self._patch_template(place, body)
        if not _NAME.fullmatch(place[2]):
            raise ApiError(422, "Invalid", f"metadata.name: Invalid value: {place[2]!r}")
        self._must_be_possible(body)
        if (
            old is not None
            and not force
            and old["metadata"].get("labels", {}).get(naming.MANAGED_BY_LABEL) != manager
        ):
            raise ApiError(409, "Conflict", "Apply failed with 1 conflict: .spec")
        if self.laws:
            self.laws.before_apply(body)
            self.laws.capacity.note()
        kept = {**old["metadata"], **_copy(metadata)} if old else _copy(metadata)
        fields = fields_v1({"metadata": metadata, "spec": body["spec"]})
        applied = {"manager": manager, "operation": "Apply", "fieldsV1": fields}
        kept["managedFields"] = [applied]
        written = self.put(place, {**(old or {}), **_copy(body), "metadata": kept})
        if self.laws:
            self.laws.after_apply(body)
            self.laws.capacity.judge()
        return written

    def _write_status(self, place: Place, metadata: Object, status: Object, manager: str) -> Object:
        old = self.objects.get(place)
        if old is None:
            raise ApiError(404, "NotFound", f"{place} not found")
        if old["metadata"]["uid"] != metadata["uid"]:
            raise ApiError(409, "Conflict", "the UID in the precondition does not match")
        known = old["metadata"]["resourceVersion"]
        if metadata.get("resourceVersion", known) != known:
            raise ApiError(409, "Conflict", "the object has been modified")
        if manager == naming.CONTENDER_FIELD_MANAGER:
            return self._contest(place, old, status.get("conditions", []))
        contested = [each for each in _conditions(old) if each["type"] == conditions.CONTESTED]
        if contested and "conditions" in status:
            status = {**status, "conditions": [*status["conditions"], *contested]}
        return self.put(place, {**old, "status": _copy(status)})

    def _contest(self, place: Place, old: Object, said: list[Object]) -> Object:
        """Apply the one condition that another operator owns, beside those of the model's own."""
        own = [each for each in _conditions(old) if each["type"] != conditions.CONTESTED]
        return self.put(
            place, {**old, "status": {**old.get("status", {}), "conditions": [*own, *_copy(said)]}}
        )

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Object,
        *,
        manager: str,
        subresource: str = "",
    ) -> Object:
        """Patch an Event, a scale, a Bento's image, or spec.autoscaling: nothing else of a release may be changed."""
        self._write("patch", resource)
        if resource.kind == "Event":
            return self._count_event(name, body)
        if subresource == "scale":
            return self._scale((resource.kind, namespace, name), body)
        old = self.objects.get((resource.kind, namespace, name))
        if old is None:
            raise ApiError(404, "NotFound", f"{name} not found")
        if "metadata" in body:
            assert old["metadata"]["uid"] == body["metadata"]["uid"]
            return self.put(
                (resource.kind, namespace, name), {**old, "metadata": {**old["metadata"], **body["metadata"]}}
            )
        assert set(body) == {"spec"}
        if resource.kind == "Bento":
            assert set(body["spec"]) == {"image"}
            return self.put(
                (resource.kind, namespace, name), {**old, "spec": {**old["spec"], **body["spec"]}}
            )
        assert set(body["spec"]) == {"autoscaling"}
        size = {key: value for key, value in body["spec"]["autoscaling"].items() if value is not None}
        place = (resource.kind, namespace, name)
        return self._put_judged(place, {**old, "spec": {**old["spec"], "autoscaling": size}})

    def _patch_template(self, place: Place, body: Object) -> Object:
        """Yatai's own object: only the template of its pods may be written, and only if it is that very one."""
        old = self.objects.get(place)
        if old is None or old["metadata"]["uid"] != body["metadata"]["uid"]:
            raise ApiError(409, "Conflict", "the UID in the precondition does not match")
        assert set(body["spec"]) == {"template"}
        known, given = old["spec"]["template"]["metadata"], body["spec"]["template"]
        metadata = {
            name: {**known.get(name, {}), **given["metadata"][name]} for name in ("annotations", "labels")
        }
        template = {"metadata": metadata, "spec": _copy(given["spec"])}
        return self.put(place, {**old, "spec": {**old["spec"], "template": template}})

    def _scale(self, place: Place, body: Object) -> Object:
        old = self.objects.get(place)
        if old is None or old["metadata"]["uid"] != body["metadata"]["uid"]:
            raise ApiError(409, "Conflict", "the UID in the precondition does not match")
        return self._put_judged(place, {**old, "spec": {**old["spec"], "replicas": body["spec"]["replicas"]}})

    def _put_judged(self, place: Place, body: Object) -> Object:
        """Store it, unless that takes pods that are wanted."""
        if self.laws:
            self.laws.capacity.note()
        written = self.put(place, body)
        if self.laws:
            self.laws.capacity.judge()
        return written

    def _count_event(self, name: str, body: Object) -> Object:
        if name not in self.posted:
            raise ApiError(404, "NotFound", f"{name} not found")
        event = self.posted[name]
        event.update(_copy(body))
        self.events.append((event["involvedObject"]["name"], event["type"], event["reason"]))
        return event

    async def close(self) -> None:
        """Nothing to close."""

    async def log(self, *_: object, **__: object) -> str:
        return "the last words"

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str | None = None
    ) -> None:
        self._write("delete", resource)
        item = self.objects.get((resource.kind, namespace or "", name))
        if item is None:
            return
        if uid and item["metadata"]["uid"] != uid:
            raise ApiError(409, "Conflict", "the UID in the precondition does not match")
        if self.laws:
            self.laws.before_delete(item)
        self.remove((resource.kind, namespace or "", name))

    def _finalize(self, place: Place, finalizers: list[str]) -> Object:
        old = self.objects[place]
        body = {**old, "metadata": {**old["metadata"], "finalizers": finalizers}}
        if "deletionTimestamp" in old["metadata"] and not finalizers:
            self.remove(place)
            return body
        return self.put(place, body)

    def put(self, place: Place, body: Object) -> Object:
        """Store it; a new version only for a real change, a new generation only for a changed spec."""
        old = self.objects.get(place)
        if old is not None and _content(old) == _content(body):
            return _copy(old)
        self.version += 1
        known = old["metadata"] if old else {"uid": f"uid-{self.version}", "generation": 0}
        generation = known["generation"] + (old is None or old.get("spec") != body.get("spec"))
        created = known.get("creationTimestamp", timestamp(self._world.server_time()))
        body["metadata"] = body["metadata"] | {
            "uid": known["uid"],
            "generation": generation,
            "creationTimestamp": created,
            "resourceVersion": str(self.version),
        }
        self.objects[place] = self._of_kind[place[0]][place] = body
        self._own(place, old, body)
        self._world.tell(place[0], "MODIFIED" if old else "ADDED", body)
        if self.laws:
            self.laws.after_change(body)
        return _copy(body)

    def orphan(self, place: Place) -> None:
        """Remove an object, and leave what it owns without an owner."""
        for other, item in self.owned(self.objects[place]["metadata"]["uid"]):
            self.put(other, {**item, "metadata": {**item["metadata"], "ownerReferences": []}})
        self.remove(place)

    def remove(self, place: Place) -> None:
        """Remove an object, and all that it owns."""
        gone = self.objects.pop(place)
        del self._of_kind[place[0]][place]
        self._own(place, gone, None)
        self.version += 1
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._world.tell(place[0], "DELETED", gone)
        for other, _ in self.owned(gone["metadata"]["uid"]):
            if other in self.objects:
                self.remove(other)

    def _must_serve(self, resource: Resource) -> None:
        self._world.hear_server()
        if resource.kind in self.missing:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")

    def _write(self, verb: str, resource: Resource) -> None:
        self._must_serve(resource)
        self.writes[verb, resource.kind] += 1
        if self.fail:
            self.refused += verb != "status"
            raise self.fail.pop(0)

    def _must_be_possible(self, body: Object) -> None:
        """What no operator may ever write."""
        metadata, spec = body["metadata"], body["spec"]
        owners = [owner["uid"] for owner in metadata["ownerReferences"]]
        assert len(owners) == 1, "a child has one owner"
        owner = self.objects.get((naming.KIND, metadata["namespace"], metadata["labels"][naming.MODEL_LABEL]))
        assert owner is None or owner["metadata"]["uid"] in owners, "a child of somebody else's model"
        if body["kind"] == "Service":
            release = metadata["annotations"][naming.SERVING_ANNOTATION]
            assert spec["selector"].get(naming.RELEASE_LABEL, release) == release
        if body["kind"] == "BentoDeployment":
            old = self.objects.get((body["kind"], metadata["namespace"], metadata["name"]))
            kept = {key: value for key, value in spec.items() if key not in ("autoscaling", "annotations")}
            in_place = metadata["name"].endswith("-inplace")
            assert (
                in_place or old is None or self._world.was_edited(old) or kept.items() <= old["spec"].items()
            ), "a release was edited"


def _owners(item: Object | None) -> list[str]:
    return [owner["uid"] for owner in item["metadata"].get("ownerReferences") or ()] if item else []


def _content(body: Mapping[str, Any]) -> Object:
    volatile = ("resourceVersion", "generation", "uid", "creationTimestamp")
    metadata = {key: value for key, value in body["metadata"].items() if key not in volatile}
    return {"metadata": metadata, "spec": body.get("spec"), "status": body.get("status") or {}}


def fields_v1(body: Object) -> Object:
    """Return the names of its fields as metadata.managedFields has them: an item of a list is in it by a key."""
    fields: Object = {}
    for name, value in body.items():
        items = value if isinstance(value, list) else ()
        inside = {
            f"k:{number}": fields_v1(item) for number, item in enumerate(items) if isinstance(item, dict)
        }
        fields[f"f:{name}"] = fields_v1(value) if isinstance(value, dict) else inside
    return fields


def _copy(body: _T) -> _T:
    """Return a deep copy; several times as fast as copy.deepcopy()."""
    copied: _T = json.loads(json.dumps(body))
    return copied


def matches(item: Object, selector: str) -> bool:
    """Return whether the labels have every `key=value` and every `key` of the selector."""
    if not selector:
        return True
    metadata = item.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if not isinstance(labels, dict):
        return False
    wanted = [term.partition("=") for term in selector.split(",")]
    return all(labels.get(key) == value if equals else key in labels for key, equals, value in wanted)


def _conditions(model: Object) -> list[Object]:
    found: list[Object] = model.get("status", {}).get("conditions", [])
    return found
