"""Caches the models and children of the cluster as small values.

A pass reads from the cache and not from the API server, which keeps it cheap. The cache may lag behind the cluster by
a watch's delay, so a deletion looks at the live object first (see `execute`). A write puts the API server's answer
into the cache at once, so that the next pass sees it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from e2i.api import naming
from e2i.api.fields import FieldInvalid, Fields
from e2i.api.model import Model
from e2i.api.model_body import parse_model
from e2i.controller.core import parse
from e2i.controller.core.observed import (
    BentoDeployment,
    BentoRequest,
    Child,
    Deployment,
    Malformed,
    Service,
)

Key = tuple[str, str]
"""(namespace, name)"""
Body = Mapping[str, Any]

_SAID = 256
"""Objects without an identity that are remembered as said."""

logger = logging.getLogger("e2i")


class Cache:
    """Models and children by kind and key, each with the version it was seen in."""

    def __init__(self) -> None:
        self._models: dict[Key, Model] = {}
        self._children: dict[str, dict[Key, Child]] = {}
        self._versions: dict[tuple[str, Key], tuple[str, str]] = {}
        """(uid, resourceVersion) by kind and key."""
        self._by_model: dict[Key, set[tuple[str, Key]]] = {}
        self._said: set[tuple[str, str]] = set()
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
        try:
            return self._put(kind, *_identity(body), body)
        except FieldInvalid as invalid:
            self._say_once(kind, f"an object of this kind is left out: {invalid}")
            return None

    def _put(self, kind: str, key: Key, uid: str, version: str, body: Body) -> Key | None:
        known = self._versions.get((kind, key))
        if known and not _is_newer(version, known[1], unless_known=True):
            return None
        if kind == naming.KIND:
            self._models[key] = parse_model(body)
            self._versions[kind, key] = (uid, version)
            return key
        child = parse.parse_child(kind, body)
        self._versions[kind, key] = (uid, version)
        if isinstance(child, Malformed) and child != self.child(kind, *key):
            logger.warning("%s %s/%s cannot be read: %s", kind, *key, child.problem)
        return self._put_child(kind, key, child)

    def _say_once(self, kind: str, message: str) -> None:
        if (kind, message) not in self._said and len(self._said) < _SAID:
            self._said.add((kind, message))
            logger.warning("%s: %s", kind, message)

    def _put_child(self, kind: str, key: Key, child: Child) -> Key | None:
        children = self._children.setdefault(kind, {})
        before = self._unlink(kind, key, children.get(key))
        children[key] = child
        if child.model is None:
            return before
        model = (child.namespace, child.model)
        self._by_model.setdefault(model, set()).add((kind, key))
        return model

    def drop(self, kind: str, body: Body) -> Key | None:
        """Remove an object by its last body. Return the key of its model, None if another has the name now."""
        try:
            key, uid, _ = _identity(body)
        except FieldInvalid:
            return None
        return self.remove(kind, key, uid)

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

    def replace(self, kind: str, bodies: Iterable[Body], version: str) -> set[Key]:
        """Update the cache with a full list read at `version`. Return the keys of the models that changed."""
        concerned: set[Key | None] = set()
        listed: set[Key] = set()
        for body in bodies:
            concerned.add(self.put(kind, body))
            with suppress(FieldInvalid):
                listed.add(_identity(body)[0])
        known = [(key, seen) for (of, key), seen in self._versions.items() if of == kind]
        for key, (uid, seen_version) in known:
            # An object that was seen after the list was read is newer than the list.
            if key not in listed and not _is_newer(seen_version, version, unless_known=False):
                concerned.add(self.remove(kind, key, uid))
        return {key for key in concerned if key}

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

    def malformed(self, model: Model) -> tuple[Malformed, ...]:
        """Return the children that the model owns and that cannot be read."""
        return tuple(child for child in self._owned(model) if isinstance(child, Malformed))

    def workloads(self, model: Model) -> tuple[Deployment, ...]:
        """Return the Deployments with the model's label; the caller checks their owners."""
        return tuple(child for child in self._linked(model) if isinstance(child, Deployment))

    def _owned(self, model: Model) -> Iterator[Child]:
        return (child for child in self._linked(model) if child.owner == model.uid)

    def _linked(self, model: Model) -> Iterator[Child]:
        for kind, key in sorted(self._by_model.get(model.key, ())):
            yield self._children[kind][key]


def _identity(body: Body) -> tuple[Key, str, str]:
    """Return key, uid and resourceVersion of an object. FieldInvalid if it lacks one."""
    metadata = Fields(body).needed_inside("metadata")
    key = (metadata.needed_text("namespace"), metadata.needed_text("name"))
    return key, metadata.needed_text("uid"), metadata.needed_text("resourceVersion")


def _is_newer(version: str, than: str, *, unless_known: bool) -> bool:
    """Return whether a resourceVersion is newer. Only decimal numbers have an order: else return `unless_known`."""
    if version == than:
        return False
    if not all(each.isascii() and each.isdecimal() for each in (version, than)):
        return unless_known
    return (len(version), version) > (len(than), than)
