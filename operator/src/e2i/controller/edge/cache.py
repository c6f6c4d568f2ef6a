"""Caches the models, children and pods of the cluster as small values.

A pass reads from the cache and not from the API server, which keeps it cheap. The cache may lag behind the cluster by
a watch's delay, so a deletion looks at the live object first (see `execute`). A write puts the API server's answer
into the cache at once, so that the next pass sees it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from e2i import clock
from e2i.api import naming
from e2i.api.fields import FieldInvalid, Fields
from e2i.api.model import Model
from e2i.api.model_body import parse_model
from e2i.controller.core import parse, sightings
from e2i.controller.core.children import Child, Malformed
from e2i.controller.core.pods import Pod
from e2i.controller.edge.model_children import ModelChildren
from e2i.controller.edge.seen import Seen
from e2i.controller.edge.work_queue import Key

Body = Mapping[str, Any]

_IDENTITY = ("namespace", "name", "uid", "resourceVersion")
_SAID = 256
"""Objects without an identity that are remembered as said."""

logger = logging.getLogger("e2i")


class Cache:
    """Models and children by kind and key, each in the version it was seen in."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[Key, Seen]] = {}
        self.of_models = ModelChildren()
        """The same children, by the model that they belong to."""
        self._said: set[tuple[str, str]] = set()
        self.missing_kinds: frozenset[str] = frozenset()
        """Kinds of Yatai that the API server did not serve when last asked."""
        self.heard: dict[str, datetime] = {}
        """When the controller of a kind of Yatai last changed what it says of an object."""

    def models(self) -> Iterator[Model]:
        """Return all models."""
        return (seen.value for seen in self._kind(naming.KIND).values() if isinstance(seen.value, Model))

    def model(self, key: Key) -> Model | None:
        """Return the model, None if there is none."""
        seen = self._kind(naming.KIND).get(key)
        return seen.value if seen and isinstance(seen.value, Model) else None

    def version(self, kind: str, key: Key) -> str:
        """Return the version in which the object is known, empty if it is not."""
        return self._kind(kind)[key].version if key in self._kind(kind) else ""

    def put(self, kind: str, body: Body) -> Key | None:
        """Add or update an object. Return the key of its model, None if nothing is new for it."""
        seen = self.see(kind, body, is_answer=True)
        return self.take(kind, seen) if seen else None

    def see(self, kind: str, body: Body, *, is_answer: bool = False) -> Seen | None:
        """Parse an object of the API server. None if it has no identity, which is said once.

        An answer in a known version is not parsed again: the watch is often faster. A list may be of another history.
        """
        try:
            metadata = Fields(body).needed_inside("metadata")
            namespace, name, uid, version = (metadata.needed_text(field) for field in _IDENTITY)
            known = self._kind(kind).get((namespace, name)) if is_answer else None
            if known and (known.version, known.value.uid) == (version, uid):
                return known
            value = parse_model(body) if kind == naming.KIND else parse.parse_child(kind, body)
            return Seen(version, value)
        except FieldInvalid as invalid:
            self._say_once(kind, str(invalid))
            return None

    def _say_once(self, kind: str, message: str) -> None:
        if (kind, message) not in self._said and len(self._said) < _SAID:
            self._said.add((kind, message))
            logger.warning("%s: an object of this kind is left out: %s", kind, message)

    def take(self, kind: str, seen: Seen) -> Key | None:
        """Add or update an object that was parsed. Return the key of its model, None if nothing is new for it."""
        known = self._kind(kind).get(seen.key)
        if known and not seen.is_newer(known.version, unless_known=True):
            return None
        return self._keep(kind, seen, known)

    def overtaken(self, kind: str, seen: Seen) -> Key | None:
        """Return the key of the model that an older version of a known object concerns; None if it is not older.

        The answer to a write of the operator has come before the report of a change that somebody made before it.
        """
        known = self._kind(kind).get(seen.key)
        if known is None or known.version == seen.version or seen.is_newer(known.version, unless_known=True):
            return None
        if isinstance(known.value, Model) or known.value.model is None:
            return seen.key
        return known.value.namespace, known.value.model

    def _keep(self, kind: str, seen: Seen, known: Seen | None) -> Key | None:
        if isinstance(seen.value, Pod):
            seen = Seen(seen.version, self._with_model(seen.value))
        if isinstance(seen.value, Child):
            seen = Seen(seen.version, self._dated(kind, seen.value, known))
        if known and known.value == seen.value:
            self._kind(kind)[seen.key] = Seen(seen.version, known.value)
            return None
        self._kind(kind)[seen.key] = seen
        if isinstance(seen.value, Malformed):
            logger.warning("%s %s/%s cannot be read: %s", kind, *seen.key, seen.value.problem)
        if isinstance(seen.value, Model):
            return seen.key
        before = self._unlink(seen.key, known)
        if seen.value.model is None:
            return before
        model = (seen.value.namespace, seen.value.model)
        self.of_models.link(model, seen.value)
        # What a ready pod changes for its model, its Deployment tells.
        return None if isinstance(seen.value, Pod) and seen.value.is_ready else model

    def _dated(self, kind: str, child: Child, known: Seen | None) -> Child:
        """Return the child with the moments since which it is as it is, and note whether its controller was heard."""
        now, before = clock.now(), known.value if known and isinstance(known.value, Child) else None
        dated = sightings.dated(child, before, now)
        if sightings.has_news(dated, before):
            self.heard[kind] = now
        return dated

    def _with_model(self, pod: Pod) -> Pod:
        """Return the pod with its model: a pod that builds an image has the label of its BentoRequest only."""
        request = self.child("BentoRequest", pod.namespace, pod.request or "")
        return replace(pod, model=request.model) if request else pod

    def remove(self, kind: str, key: Key, uid: str) -> Key | None:
        """Remove an object that is gone. Return the key of its model, None if another object has the name now."""
        known = self._kind(kind).get(key)
        if known is None or known.value.uid != uid:
            return None
        del self._kind(kind)[key]
        return key if kind == naming.KIND else self._unlink(key, known)

    def _unlink(self, key: Key, known: Seen | None) -> Key | None:
        """Take the child that was known by the name from its model. Return the key of the model that it concerns."""
        child = known.value if known else None
        if not isinstance(child, Child) or child.model is None:
            # An object of somebody else concerns the model whose name it has: it is in its way.
            return key if self.model(key) else None
        model = (child.namespace, child.model)
        self.of_models.unlink(model, child)
        return model

    def replace(
        self, kind: str, listed: Iterable[Seen | None], version: str,
        *, namespace: str | None = None, began_again: bool = False,
    ) -> set[Key]:  # fmt: skip
        """Make the cache equal to a full list read at `version`. Return the keys of the models that changed.

        Kept are what was seen after the list was read, and other namespaces than `namespace`. `began_again`: the
        versions are of another history (etcd came back from a backup), so nothing that was seen before counts.
        """

        def is_later(known: Seen | None) -> bool:
            return known is not None and not began_again and known.is_newer(version, unless_known=False)

        concerned: set[Key | None] = set()
        before = {key: known for key, known in self._kind(kind).items() if namespace in (None, key[0])}
        for seen in filter(None, listed):
            known = before.pop(seen.key, None)
            if not is_later(known) and (known is None or known.version != seen.version or began_again):
                concerned.add(self._keep(kind, seen, known))
        for key, known in before.items():
            if not is_later(known):
                concerned.add(self.remove(kind, key, known.value.uid))
        return {key for key in concerned if key}

    def children(self, kind: str) -> Iterator[Child]:
        """Return all children of a kind, also those of other owners."""
        return (seen.value for seen in self._kind(kind).values() if isinstance(seen.value, Child))

    def child(self, kind: str, namespace: str, name: str) -> Child | None:
        """Return the object of that name, whoever owns it."""
        seen = self._kind(kind).get((namespace, name))
        return seen.value if seen and isinstance(seen.value, Child) else None

    def _kind(self, kind: str) -> dict[Key, Seen]:
        return self._seen.setdefault(kind, {})
