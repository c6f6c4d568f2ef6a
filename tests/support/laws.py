"""What must hold in the world after every change, whoever made it; a scenario that breaks one fails by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from support.capacity_law import CapacityLaw
from support.fake_release_store import FakeReleaseStore
from support.fake_verification import FakeVerificationJobs

from e2i.api import naming, release_record
from e2i.api.model_body import parse_model
from e2i.controller.core.releases.parking import verification_of
from e2i.kube import Object

if TYPE_CHECKING:
    # It asks the laws, and they ask it.
    from support.fake_kube import FakeKube

Key = tuple[str, str]


class Laws:
    """Each assertion is one law; `known` are the releases that requests have reached, by the model's uid."""

    def __init__(self, kube: FakeKube, verification: FakeVerificationJobs, records: FakeReleaseStore) -> None:
        self._kube = kube
        self._verification = verification
        self._records = records
        self._ready_before: set[str] = set()
        self._moves = False
        self.capacity = CapacityLaw(kube, self.selected)
        self.known: dict[str, set[str]] = {}

    def selected(self, name: str) -> list[Object]:
        """Ready pods that the model's address leads to."""
        service = self._kube.objects.get(("Service", "models", name))
        selector = (service or {}).get("spec", {}).get("selector") or {}
        if not selector:
            return []
        return [
            pod
            for pod in self._kube.all("Pod")
            if is_ready(pod) and selector.items() <= pod["metadata"]["labels"].items()
        ]

    def before_apply(self, body: Object) -> None:
        if body["kind"] != "Service":
            return
        name, release = body["metadata"]["name"], body["metadata"]["annotations"][naming.SERVING_ANNOTATION]
        self._ready_before = {pod["metadata"]["name"] for pod in self.selected(name)}
        old = self._kube.objects.get(("Service", "models", name), {}).get("metadata", {})
        self._moves = old.get("annotations", {}).get(naming.SERVING_ANNOTATION) != release
        shares = release in {pod["metadata"]["labels"][naming.RELEASE_LABEL] for pod in self.selected(name)}
        if self._moves and not shares:
            told = [
                each.release for each in self._records.records(name) if each.result == release_record.SERVED
            ]
            assert release in told, (
                f"the address moves to release {release}, of which the ledger knows nothing"
            )

    def after_apply(self, body: Object) -> None:
        if body["kind"] == "Service":
            left = self.selected(body["metadata"]["name"])
            assert left or not self._ready_before or self._is_parked(body["metadata"]["name"]), (
                "a write of ours took the last ready pod out of the address"
            )
            release = body["metadata"]["annotations"][naming.SERVING_ANNOTATION]
            served = {pod["metadata"]["labels"][naming.RELEASE_LABEL] for pod in left}
            assert release in served or not self._moves or self._is_parked(body["metadata"]["name"]), (
                f"the address moves to {release}, which has no ready pod"
            )

    def before_delete(self, item: Object) -> None:
        if item["kind"] != "BentoDeployment":
            return
        labels = item["spec"]["labels"]
        name, release = labels[naming.MODEL_LABEL], labels[naming.RELEASE_LABEL]
        used = {pod["metadata"]["labels"][naming.RELEASE_LABEL] for pod in self.selected(name)}
        service = self._kube.objects.get(("Service", "models", name), {}).get("metadata", {})
        used.add(service.get("annotations", {}).get(naming.SERVING_ANNOTATION))
        assert release not in used, f"release {release} was deleted while the address leads to it"

    def after_change(self, item: Object) -> None:
        metadata = item["metadata"]
        if item["kind"] == "Service":
            names = [metadata["name"]]
        elif item["kind"] == "Pod" and is_ready(item):
            # Without a label it may be anybody's.
            name = metadata.get("labels", {}).get(naming.MODEL_LABEL)
            names = [name] if name else [each["metadata"]["name"] for each in self._kube.all("Service")]
        else:
            return
        for name in names:
            model = self._kube.objects.get((naming.KIND, "models", name))
            if model is not None:
                self._judge_newcomers(model, self.selected(name))

    def _judge_newcomers(self, body: Object, pods: list[Object]) -> None:
        """A release that requests reach for the first time has passed whatever the spec asks for."""
        known = self.known.setdefault(body["metadata"]["uid"], set())
        for pod in pods:
            release = pod["metadata"]["labels"][naming.RELEASE_LABEL]
            if release in known:
                continue
            in_place = naming.inplace_name(body["metadata"]["name"]) in pod["metadata"]["name"]
            assert in_place or self._may_serve(body, release), f"release {release} takes requests unverified"
            known.add(release)

    def _may_serve(self, body: Mapping[str, Any], release: str) -> bool:
        model = parse_model(body)
        if not model.rollout.checks.get("verify"):
            return True
        proved = [
            each.release for each in self._records.records(model.name) if each.result == release_record.SERVED
        ]
        passed = (model.key, verification_of(model, release)) in self._verification.passed
        return passed or release in proved

    def _is_parked(self, name: str) -> bool:
        body = self._kube.objects.get((naming.KIND, "models", name))
        return body is not None and parse_model(body).is_parked


def is_ready(pod: Object) -> bool:
    found = pod.get("status", {}).get("containerStatuses") or ()
    return bool(found) and all(container["ready"] for container in found)
