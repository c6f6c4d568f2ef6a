"""What must hold after every pass that leaves nothing to do at once: what serves is looked after.

Whatever the spec asks for, whatever is away, in every scenario. The laws are told by objects of the cluster and by what
the status remembers, not by the operator's own rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from support.fake_kube import FakeKube
from support.fake_verification import FakeGuardJobs

from e2i.api import naming
from e2i.api.model import Model, Rollback, Strategy
from e2i.api.model_body import parse_model
from e2i.api.pod_annotations import GIVEN
from e2i.controller.core import persisted_status
from e2i.controller.core.releases.trials import trial_of
from e2i.kube import Object

PORT = {"name": "http", "port": 3000, "targetPort": "http", "protocol": "TCP"}


class CareLaws:
    """Each method that begins with `_law` is one law; it says what is wrong, or nothing."""

    def __init__(self, kube: FakeKube, guard: FakeGuardJobs, body: Object) -> None:
        self._kube = kube
        self._guard = guard
        self._model: Model = parse_model(body)
        self._body = body
        self._place = (self._model.namespace, self._model.name)
        found = kube.objects.get(("Service", *self._place))
        self._service = found if found and self._is_mine(found) else None
        self._is_taken = found is not None and self._service is None
        annotations = (self._service or {"metadata": {}})["metadata"].get("annotations") or {}
        self._serving: str = annotations.get(naming.SERVING_ANNOTATION, "")

    def broken(self) -> list[str]:
        """Return a sentence for each law that is broken now."""
        model = self._model
        if model.deleting:
            return []
        held = model.suspended or model.invalid
        laws = (self._law_of_the_address,) if held else _laws(self)
        return [f"{model.name}: {sentence}" for law in laws for sentence in law()]

    def _law_of_the_address(self) -> Iterator[str]:
        """An address that a release with ready pods had is there."""
        if self._service is not None or self._is_taken:
            return
        served = [each.release for each in self._entries(persisted_status.SERVING)][:1]
        if served and self._ready(served[0]):
            yield f"the address of release {served[0]} is gone"

    def _law_of_the_form(self) -> Iterator[str]:
        """The Service is as rendered."""
        if self._service is None or not self._serving:
            return
        spec, labels = self._service["spec"], self._service["metadata"].get("labels") or {}
        ports = [{key: port.get(key) for key in PORT} for port in spec.get("ports", ())]
        if (spec.get("type", "ClusterIP"), ports) != ("ClusterIP", [PORT]):
            yield f"the Service is not as rendered: {spec}"
        everything = {naming.MODEL_LABEL: self._model.name}
        one = everything | {naming.RELEASE_LABEL: self._serving}
        child = self._child(self._serving)
        if child and naming.PATCHED_ANNOTATION in child["metadata"]["annotations"]:
            one |= {GIVEN: "Deployment"}
        if spec.get("selector") not in (everything, one):
            yield f"the address leads to {spec.get('selector')}"
        if not naming.labels(self._model.name).items() <= labels.items():
            yield f"the Service has the labels {labels}"

    def _law_of_ready_pods(self) -> Iterator[str]:
        """Who asks the address is answered, if a release that served well has ready pods."""
        able = self._able()
        if able and self._service is not None and not self._selected():
            yield f"no pod at the address of release {self._serving} is ready, and those of {able} are"

    def _law_of_limits(self) -> Iterator[str]:
        """No release keeps the address that exceeds its limits, unless what the spec asks for has failed already."""
        model, able = self._model, self._able()
        if model.rollout.watch is None or not able or not self._serving or self._asked() in self._failed():
            return
        if self._guard.problem(model.key, trial_of(model, self._serving)):
            yield f"release {self._serving} exceeds its limits and has the address, and {able} could serve"

    def _law_of_pods(self) -> Iterator[str]:
        """What serves has the number of pods that the spec asks for, and rests at zero only if the model is parked."""
        child = self._child(self._serving)
        if self._model.is_parked:
            made = (self._workload(each) for each in self._mine("BentoDeployment"))
            yield from (
                f"{each['metadata']['name']} has pods" for each in made if each and each["spec"]["replicas"]
            )
            return
        if child is None:
            return
        workload = self._workload(child)
        if workload and workload["spec"]["replicas"] == 0:
            yield f"release {self._serving} serves and is scaled to zero"
        asked, scaling = self._model.autoscaling, child["spec"].get("autoscaling", {})
        there = scaling.get("minReplicas"), scaling.get("maxReplicas")
        steps = self._model.rollout.strategy is Strategy.CANARY
        # Under an autoscaler a new release keeps the pods that it began with for a while.
        least = max(asked.minimum, min(there[0] or 0, asked.maximum))
        if not (steps or self._kube.missing) and there != (least, asked.maximum):
            yield f"release {self._serving} serves with {there} pods instead of {asked}"

    def _law_of_the_release(self) -> Iterator[str]:
        """What serves has its BentoDeployment, if its image and its form are known."""
        if not self._serving or self._child(self._serving) or self._kube.missing or self._model.is_parked:
            return
        name = naming.release_name(self._model.name, self._serving)
        taken = ("BentoDeployment", self._place[0], name) in self._kube.objects
        digests = {
            request["metadata"].get("annotations", {}).get(naming.DIGEST_ANNOTATION)
            for request in self._mine("BentoRequest")
        } - {None}
        known = {naming.release_of_shape(self._model.shape, digest) for digest in digests}
        if self._serving in known - self._failed() and not taken:
            yield f"release {self._serving} serves and has no BentoDeployment"

    def _law_of_shares(self) -> Iterator[str]:
        """Requests reach what serves, and a canary that the spec still asks for."""
        status = self._body.get("status", {})
        if self._model.rollout.strategy is Strategy.IN_PLACE or not self._serving:
            return
        if status.get("observedGeneration") != self._model.generation:
            return
        others = self._selected() - {self._serving, self._asked()}
        if others:
            yield f"requests reach {others}, which nobody asks for"

    def _able(self) -> set[str]:
        """Return the releases with ready pods that could serve instead, if the operator may move the address."""
        if self._model.rollout.rollback is not Rollback.AUTOMATIC:
            return set()
        good = self._entries(persisted_status.SERVING, persisted_status.SUPERSEDED)
        ready = {each.release for each in good if self._ready(each.release)}
        return ready - self._failed() - {self._serving, self._asked()}

    def _failed(self) -> set[str]:
        return {each.release for each in persisted_status.failures(self._model)}

    def _asked(self) -> str:
        asked: str = self._body.get("status", {}).get("desiredRelease", "")
        return asked

    def _entries(self, *results: str) -> list[persisted_status.Entry]:
        return [each for each in persisted_status.history(self._model) if each.result in results]

    def _child(self, release: str) -> Object | None:
        label = naming.RELEASE_LABEL
        found = (
            each for each in self._mine("BentoDeployment") if each["spec"]["labels"].get(label) == release
        )
        return next(found, None) if release else None

    def _workload(self, child: Object) -> Object | None:
        return self._kube.objects.get(("Deployment", self._place[0], child["metadata"]["name"]))

    def _mine(self, kind: str) -> list[Object]:
        return [each for (of, *_), each in self._kube.owned(self._model.uid) if of == kind]

    def _is_mine(self, item: Object) -> bool:
        owners = item["metadata"].get("ownerReferences", ())
        return any(owner["uid"] == self._body["metadata"]["uid"] for owner in owners)

    def _ready(self, release: str) -> int:
        """Return how many ready pods the release's own Deployment tells of."""
        child = self._child(release)
        name = child["metadata"]["name"] if child else ""
        workload: Any = self._kube.objects.get(("Deployment", self._place[0], name), {})
        if workload.get("metadata", {}).get("labels", {}).get(naming.RELEASE_LABEL) != release:
            return 0
        ready: int = workload.get("status", {}).get("readyReplicas", 0)
        return ready

    def _selected(self) -> set[str]:
        """Return the releases whose ready pods the address selects."""
        selector = (self._service or {"spec": {}})["spec"].get("selector") or {}
        one = selector.get(naming.RELEASE_LABEL)
        label = naming.RELEASE_LABEL
        releases = {each["spec"]["labels"].get(label) for each in self._mine("BentoDeployment")}
        return {each for each in releases if each and one in (None, each) and self._ready(each)}


def _laws(care: CareLaws) -> tuple[Any, ...]:
    return tuple(getattr(care, name) for name in dir(CareLaws) if name.startswith("_law"))
