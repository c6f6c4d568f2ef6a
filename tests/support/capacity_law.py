"""The law that no release, scale or re-apply of the operator takes ready pods below the number that is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from e2i.api import naming
from e2i.api.model import Model
from e2i.api.model_body import parse_model
from e2i.controller.core import persisted_status
from e2i.kube import Object

if TYPE_CHECKING:
    # It asks the law, and the law asks it.
    from support.fake_kube import FakeKube


class CapacityLaw:
    """Asked before and after each write of the operator. What pods do by themselves is no write of the operator."""

    def __init__(self, kube: FakeKube, selected: Callable[[str], list[Object]]) -> None:
        self._kube = kube
        self._selected = selected
        self._before: dict[str, dict[str, int]] = {}
        self._scaled: dict[str, int] = {}
        """How many pods the autoscaler of what has each address wanted before the write."""

    def note(self) -> None:
        """Note how many ready pods each address keeps."""
        services = {each["metadata"]["name"]: each for each in self._kube.all("Service")}
        self._before = {name: self._kept(each) for name, each in services.items()}
        self._scaled = {name: self._serving_replicas(each) for name, each in services.items()}

    def judge(self) -> None:
        """AssertionError if the write that was made since takes some of them that are wanted."""
        for service in self._kube.all("Service"):
            name = service["metadata"]["name"]
            body = self._kube.objects.get((naming.KIND, "models", name))
            if body is None:
                continue
            model, before, now = parse_model(body), self._before.get(name, {}), self._kept(service)
            wanted = min(sum(before.values()), self._wanted(model))
            assert sum(now.values()) >= wanted or _goes_back(model, service, before, now), (
                f"a write of ours leaves {now} of {before} ready pods at the address {name}, where {wanted} are wanted"
            )

    def _kept(self, service: Object) -> dict[str, int]:
        """Return how many of the ready pods at an address are to stay, by the name of their Deployment."""
        pods = self._selected(service["metadata"]["name"])
        count = Counter(pod["metadata"]["name"].rsplit("-", 2)[0] for pod in pods)
        return {name: min(ready, self._most(name)) for name, ready in count.items()}

    def _most(self, name: str) -> int:
        """Return how many pods a Deployment may have."""
        places = ((kind, "models", name) for kind in ("Deployment", "BentoDeployment"))
        workload, child = (self._kube.objects.get(place, {"spec": {}})["spec"] for place in places)
        return min(workload.get("replicas", 0), child.get("autoscaling", {}).get("maxReplicas", 0))

    def _wanted(self, model: Model) -> int:
        """Return how many pods the spec asks for; under an autoscaler as many as it wants within its bounds."""
        size = model.autoscaling
        return max(size.minimum, min(size.maximum, self._scaled.get(model.name, 0)))

    def _serving_replicas(self, service: Object) -> int:
        metadata = service["metadata"]
        release = (metadata.get("annotations") or {}).get(naming.SERVING_ANNOTATION, "")
        name = naming.release_name(metadata["name"], release)
        workload = self._kube.objects.get(("Deployment", "models", name), {"spec": {}})
        replicas: int = workload["spec"].get("replicas", 0)
        return replicas


def _goes_back(model: Model, service: Object, before: dict[str, int], now: dict[str, int]) -> bool:
    """Return whether the address went back to a release that served before, or away from a canary."""
    serving = service["metadata"].get("annotations", {}).get(naming.SERVING_ANNOTATION)
    return serving in persisted_status.proved(model) or set(now) < set(before)
