"""Which model a request is for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from e2i.gateway.core.interface import Interface, Route
from e2i.gateway.core.models import Model
from e2i.gateway.core.refusal import Reason, Refused

Key = tuple[str, str]
Allows = Callable[[Model], bool]
"""Whether the caller may ask a model."""
MOST_NAMES = 20
"""Names that a message lists."""


@dataclass(frozen=True)
class Target:
    """A model, or one of several in a bento: then `prefix` is in front of its routes."""

    name: str
    model: Model
    interface: Interface | None
    """None as long as it is not known: every route is then sent on as it is."""
    prefix: str = ""

    def path(self, route: str) -> str:
        """Return the path of a route at the model: predict -> /predict, or /churn_model/predict

        Refused if the model has no such route.
        """
        path = f"{self.prefix}/{route}"
        if self.interface is None or path in self.interface.routes:
            return path
        known = ", ".join(sorted(self.routes)) or "none"
        raise Refused(Reason.RouteUnknown, f"{self.name} has no route {route}; it has {known}")

    def route(self, path: str) -> Route | None:
        return self.interface.routes.get(path) if self.interface else None

    @property
    def routes(self) -> list[str]:
        """Names of the routes: predict, explain"""
        if self.interface is None:
            return []
        start = f"{self.prefix}/"
        return [path.removeprefix(start) for path in self.interface.routes if path.startswith(start)]


class RoutingTable:
    """All models by the names that requests use. A new one is made when a model comes, changes or goes."""

    def __init__(self, models: Iterable[Model], interfaces: Mapping[Key, Interface]) -> None:
        self.models = tuple(sorted(models, key=lambda model: model.key))
        self._targets: dict[str, list[Target]] = {}
        self._inner: dict[str, list[Target]] = {}
        """The models in bentos with several: a model's own name counts before theirs."""
        for model in self.models:
            interface = interfaces.get(model.key)
            self._add(model.name, Target(model.name, model, interface))
            if model.namespace:
                full = f"{model.namespace}.{model.name}"
                self._add(full, Target(full, model, interface))
            for name in sorted(interface.inner) if interface else ():
                # One with a point would be taken for NAMESPACE.NAME, and its bento may be another team's.
                if "." not in name:
                    self._inner.setdefault(name, []).append(Target(name, model, interface, f"/{name}"))

    def find(self, name: str, allows: Allows) -> Target:
        """Return the target of this name that the caller may ask; Refused if there is none, or more than one.

        Another team's model of the same name stands in nobody's way who may not ask it. If all are others', one of
        them is returned: it may not be asked, and that is the answer.
        """
        found = self._allowed(name, allows)
        if not found:
            found = (self._targets.get(name) or self._inner.get(name) or [])[:1]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(sorted(f"{each.model.namespace}.{each.model.name}" for each in found))
            raise Refused(Reason.ModelAmbiguous, f"several models are called {name}: write one of {names}")
        raise Refused(
            Reason.ModelUnknown,
            f"there is no model {name[:80]!r}; GET /api/models lists those that there are",
        )

    def only(self, models: Iterable[Model]) -> Target:
        """Return the target if there is a single one among `models`; Refused if the request has to name it."""
        chosen = list(models)
        if len(chosen) == 1:
            model = chosen[0]
            return next(each for each in self._targets[model.name] if each.model.key == model.key)
        if not chosen:
            raise Refused(
                Reason.ModelUnknown, "there is no model that may be asked; GET /api/models lists them"
            )
        names = ", ".join(model.name for model in chosen[:MOST_NAMES])
        if len(chosen) > MOST_NAMES:
            names += f" and {len(chosen) - MOST_NAMES} more, which GET /api/models lists"
        raise Refused(
            Reason.BadRequest,
            f"the request names no model: add ?model=NAME, or model to the body; there are {names}",
            details={"field": "model"},
        )

    def targets(self, allows: Allows) -> list[Target]:
        """Return one target for each name that leads the caller to one model, sorted; no name with a namespace."""
        names = sorted(name for name in self._targets.keys() | self._inner.keys() if "." not in name)
        allowed = (self._allowed(name, allows) for name in names)
        return [found[0] for found in allowed if len(found) == 1]

    def _allowed(self, name: str, allows: Allows) -> list[Target]:
        for targets in (self._targets, self._inner):
            if found := [each for each in targets.get(name, ()) if allows(each.model)]:
                return found
        return []

    def _add(self, name: str, target: Target) -> None:
        self._targets.setdefault(name, []).append(target)
