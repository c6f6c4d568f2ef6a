"""The children of each model in the cache: its requests, deployments, workloads, Service and pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from e2i.api.model import Model
from e2i.controller.core.children import BentoDeployment, BentoRequest, Child, Malformed, Service, Workload
from e2i.controller.core.pods import Pod, deployment_of
from e2i.controller.core.releases.taken_names import is_orphan
from e2i.controller.edge.work_queue import Key

Body = Mapping[str, Any]


class ModelChildren:
    """The objects with a model's label, whoever owns them, and the pods that build its images."""

    def __init__(self) -> None:
        self._of: dict[Key, tuple[Child, ...]] = {}
        """By the key of the model, sorted by kind and name."""

    def link(self, model: Key, child: Child) -> None:
        """Add a child of the model."""
        linked = (*self._of.get(model, ()), child)
        self._of[model] = tuple(sorted(linked, key=lambda each: (type(each).__name__, each.name)))

    def unlink(self, model: Key, child: Child) -> None:
        """Take a child from the model."""
        if left := tuple(each for each in self._of.get(model, ()) if each is not child):
            self._of[model] = left
        else:
            self._of.pop(model, None)

    def requests(self, model: Model) -> tuple[BentoRequest, ...]:
        """Return the BentoRequests that the model owns."""
        return tuple(child for child in self._owned(model) if isinstance(child, BentoRequest))

    def deployments(self, model: Model) -> tuple[BentoDeployment, ...]:
        """Return the BentoDeployments that the model owns."""
        return tuple(child for child in self._owned(model) if isinstance(child, BentoDeployment))

    def service(self, model: Model) -> Service | None:
        """Return the Service that the model owns."""
        return next((child for child in self._owned(model) if isinstance(child, Service)), None)

    def malformed(self, model: Model) -> tuple[Malformed, ...]:
        """Return the children that the model owns and that cannot be read."""
        return tuple(child for child in self._owned(model) if isinstance(child, Malformed))

    def workloads(self, model: Model) -> tuple[Workload, ...]:
        """Return the Deployments with the model's label; the caller checks their owners."""
        return tuple(child for child in self._linked(model) if isinstance(child, Workload))

    def release_pods(self, key: Key, release: str) -> list[Body]:
        """Return the release's own pods, reduced to what the operator reads of them."""
        names = {child.name for child in self._of.get(key, ()) if isinstance(child, BentoDeployment)}
        found = (pod.body for pod in self.pods(key) if pod.release == release)
        return [body for body in found if deployment_of(body) in names]

    def release_addresses(self, key: Key, release: str) -> list[str]:
        """Return the addresses of those of them that are not being deleted."""
        pods = self.release_pods(key, release)
        found = [pod["status"].get("podIP", "") for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return [address for address in found if address]

    def build_pods(self, key: Key, request: str) -> list[Body]:
        """Return the pods that build the image of the model's BentoRequest, reduced likewise."""
        return [pod.body for pod in self.pods(key) if pod.request == request]

    def pods(self, key: Key) -> tuple[Pod, ...]:
        """Return the pods with the model's label, and those that build its images, whoever owns them."""
        return tuple(child for child in self._of.get(key, ()) if isinstance(child, Pod))

    def orphans(self, model: Model) -> tuple[Child, ...]:
        """Return the children without an owner that an earlier model of this name left."""
        return tuple(child for child in self._linked(model) if is_orphan(model, child))

    def _owned(self, model: Model) -> Iterator[Child]:
        return (child for child in self._linked(model) if child.owner == model.uid)

    def _linked(self, model: Model) -> tuple[Child, ...]:
        return self._of.get(model.key, ())
