"""Caches the models and children of the cluster as small values.

A pass reads from the cache and not from the API server, which keeps it cheap. The cache may lag behind the cluster by
a watch's delay, so a deletion looks at the live object first (see `execute`). A write puts the API server's answer
into the cache at once, so that the next pass sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from e2i.api import naming
from e2i.api.model import Model, parse_model
from e2i.controller.core import parse
from e2i.controller.core.observed import BentoDeployment, BentoRequest, Child, Deployment, Service

Key = tuple[str, str]
"""(namespace, name)"""
Body = Mapping[str, Any]


class Cache:
    """Models and children by kind and key, each with the version it was seen in."""

    def __init__(self) -> None:
        self._models: dict[Key, Model] = {}
        self._children: dict[str, dict[Key, Child]] = {}
        self._versions: dict[tuple[str, Key], tuple[str, int]] = {}
        self._by_model: dict[Key, set[tuple[str, Key]]] = {}
        self.missing_kinds: frozenset[str] = frozenset()
        """Kinds of Yatai that the API server did not serve when last asked."""

    def models(self) -> Iterator[Model]:
        """Return all models."""
        yield from self._models.values()

    def model(self, key: Key) -> Model | None:
        """Return the model, None if there is none."""
        return self._models.get(key)

    def put(self, kind: str, body: Body) -> Key | None:
        """Add or update an object. Return the key of its model, None if its version is not newer."""
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        version = int(metadata["resourceVersion"])
        known = self._versions.get((kind, key))
        if known and known[1] >= version:
            return None
        self._versions[kind, key] = (metadata["uid"], version)
        if kind == naming.KIND:
            self._models[key] = parse_model(body)
            return key
        return self._put_child(kind, key, parse.parse_child(kind, body))

    def _put_child(self, kind: str, key: Key, child: Child) -> Key | None:
        children = self._children.setdefault(kind, {})
        before = self._unlink(kind, key, children.get(key))
        children[key] = child
        if child.model is None:
            return before
        model = (child.namespace, child.model)
        self._by_model.setdefault(model, set()).add((kind, key))
        return model

    def remove(self, kind: str, key: Key, uid: str) -> Key | None:
        """Remove an object that is gone. Return the key of its model, None if another object has the name now."""
        known = self._versions.get((kind, key))
        if known is None or known[0] != uid:
            return None
        del self._versions[kind, key]
        if kind == naming.KIND:
            self._models.pop(key, None)
            return key
        return self._unlink(kind, key, self._children.get(kind, {}).pop(key, None))

    def _unlink(self, kind: str, key: Key, child: Child | None) -> Key | None:
        if child is None or child.model is None:
            # An object of somebody else concerns the model whose name it has: it is in its way.
            return key if key in self._models else None
        model = (child.namespace, child.model)
        linked = self._by_model.get(model, set())
        linked.discard((kind, key))
        if not linked:
            self._by_model.pop(model, None)
        return model

    def replace(self, kind: str, bodies: Iterable[Body], version: int) -> set[Key]:
        """Update the cache with a full list read at `version`. Return the keys of the models that changed."""
        concerned: set[Key] = set()
        listed: set[Key] = set()
        for body in bodies:
            listed.add((body["metadata"]["namespace"], body["metadata"]["name"]))
            concerned.add(self.put(kind, body) or ("", ""))
        known = [(key, seen) for (of, key), seen in self._versions.items() if of == kind]
        for key, (uid, seen_version) in known:
            # An object that was seen after the list was read is newer than the list.
            if key not in listed and seen_version <= version:
                concerned.add(self.remove(kind, key, uid) or ("", ""))
        return concerned - {("", "")}

    def children(self, kind: str) -> Iterator[Child]:
        """Return all children of a kind, also those of other owners."""
        yield from self._children.get(kind, {}).values()

    def child(self, kind: str, namespace: str, name: str) -> Child | None:
        """Return the object of that name, whoever owns it."""
        return self._children.get(kind, {}).get((namespace, name))

    def requests(self, model: Model) -> tuple[BentoRequest, ...]:
        """Return the BentoRequests that the model owns."""
        return tuple(child for child in self._owned(model) if isinstance(child, BentoRequest))

    def deployments(self, model: Model) -> tuple[BentoDeployment, ...]:
        """Return the BentoDeployments that the model owns."""
        return tuple(child for child in self._owned(model) if isinstance(child, BentoDeployment))

    def service(self, model: Model) -> Service | None:
        """Return the Service that the model owns."""
        return next((child for child in self._owned(model) if isinstance(child, Service)), None)

    def workloads(self, model: Model) -> tuple[Deployment, ...]:
        """Return the Deployments with the model's label; the caller checks their owners."""
        return tuple(child for child in self._linked(model) if isinstance(child, Deployment))

    def _owned(self, model: Model) -> Iterator[Child]:
        return (child for child in self._linked(model) if child.owner == model.uid)

    def _linked(self, model: Model) -> Iterator[Child]:
        for kind, key in sorted(self._by_model.get(model.key, ())):
            yield self._children[kind][key]
