"""Where models answer: by name, from a file such as config/model_endpoints.yaml, from a mapping, or put in one by one.

models:
  churn_model: http://localhost:3001/churn_model
  ltv_model:
    url: http://localhost:3002/ltv_model
    deadline: 5
    repeatable: [predict, explain, simulate]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from yarl import URL

from e2i.client.errors import ModelNotFound, NotReady

REPEATABLE = frozenset({"predict", "predict_batch", "explain", "health", "model_info"})
"""Routes of the bentos of `e2i package`, which change nothing."""
_KEYS = frozenset({"url", "deadline", "repeatable"})
_NAMED = 20
"""Models in a message, at most."""


class EndpointsInvalid(ValueError):
    """The endpoints cannot be read; says what is wrong and where."""


@dataclass(frozen=True)
class Identity:
    """A release of a model, as its E2IModel names it."""

    release: str
    digest: str
    bento: str = ""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where one model answers. Its routes are below `url`: http://localhost:3001/churn_model/predict."""

    model: str
    url: str
    deadline: float | None = None
    """Seconds for a call that says no others."""
    repeatable: frozenset[str] = REPEATABLE
    """Routes that may be asked twice, because asking changes nothing. Others are not, after a broken request."""
    serving: Identity | None = None
    """The release that serves, if that is known."""
    releases: Mapping[str, Identity] = field(default_factory=dict, hash=False)
    """By bento: the releases that may answer."""
    base: URL = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        base = URL(self.url.rstrip("/"))
        if base.scheme not in ("http", "https") or not base.host or base.query_string or base.fragment:
            raise EndpointsInvalid(
                f"url of model {self.model!r} is {self.url!r}: write it like http://localhost:3001/{self.model}"
            )
        object.__setattr__(self, "base", base)

    def of_bento(self, bento: str) -> Identity | None:
        """Return the release that has this bento, None if none is known to; without a bento the one that serves."""
        if bento in self.releases:
            return self.releases[bento]
        of_another = bento and self.serving and self.serving.bento and self.serving.bento != bento
        return None if of_another else self.serving


class Endpoints:
    """The models that a client can call. They may come, change and go while it runs."""

    def __init__(
        self, endpoints: Iterable[Endpoint] = (), without_address: Mapping[str, str] | None = None
    ) -> None:
        """`without_address`: models that there are and that cannot be called, each with a sentence that says why."""
        self._by_name = {endpoint.model: endpoint for endpoint in endpoints}
        self._without_address = dict(without_address or {})

    @classmethod
    def from_file(cls, path: Path | str) -> Endpoints:
        """Read a YAML file; EndpointsInvalid names what is wrong in it, OSError if it cannot be read."""
        try:
            content = yaml.safe_load(Path(path).read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise EndpointsInvalid(f"{path} is not YAML: {error}") from error
        models = content.get("models") if isinstance(content, dict) else None
        if not isinstance(models, dict):
            raise EndpointsInvalid(f"{path} has no mapping `models`: write models: {{NAME: URL}}")
        try:
            return cls.from_mapping(models)
        except EndpointsInvalid as error:
            raise EndpointsInvalid(f"{path}: {error}") from error

    @classmethod
    def from_mapping(cls, models: Mapping[str, Any]) -> Endpoints:
        """By model: its URL, or a mapping with `url` and other fields of an endpoint."""
        return cls(_endpoint(name, given) for name, given in models.items())

    def find(self, model: str) -> Endpoint:
        """Return the model's endpoint; NotReady if the model has no address, ModelNotFound if there is none."""
        try:
            return self._by_name[model]
        except KeyError:
            if why := self._without_address.get(model):
                raise NotReady(model, why) from None
            raise ModelNotFound(model, _not_found(model, self._by_name)) from None

    def put(self, endpoint: Endpoint) -> None:
        """Add an endpoint, or replace the one of the same model."""
        self._by_name[endpoint.model] = endpoint

    def drop(self, model: str) -> None:
        """Forget a model; nothing if it is not there."""
        self._by_name.pop(model, None)
        self._without_address.pop(model, None)

    def names(self) -> list[str]:
        """Return the models' names, sorted."""
        return sorted(self._by_name)

    def __contains__(self, model: str) -> bool:
        return model in self._by_name


def _endpoint(name: object, given: object) -> Endpoint:
    fields = {"url": given} if isinstance(given, str) else given
    if not isinstance(name, str) or not isinstance(fields, Mapping) or not isinstance(fields.get("url"), str):
        raise EndpointsInvalid(f"model {name!r}: {given!r} has no url: write {name}: http://HOST:PORT")
    unknown = sorted(str(key) for key in fields.keys() - _KEYS)
    if unknown:
        raise EndpointsInvalid(
            f"model {name!r} has an unknown field {unknown[0]!r}: it may have {', '.join(sorted(_KEYS))}"
        )
    return Endpoint(
        model=name,
        url=fields["url"],
        deadline=_deadline(name, fields.get("deadline")),
        repeatable=_routes(name, fields.get("repeatable", REPEATABLE)),
    )


def _deadline(name: str, given: object) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or given <= 0:
        raise EndpointsInvalid(
            f"deadline of model {name!r} is {given!r}: write seconds above 0, for instance 5"
        )
    return float(given)


def _routes(name: str, given: object) -> frozenset[str]:
    if not isinstance(given, list | frozenset) or not all(isinstance(route, str) for route in given):
        raise EndpointsInvalid(
            f"repeatable of model {name!r} is {given!r}: write a list of routes, for instance [predict]"
        )
    return frozenset(str(route).strip("/") for route in given)


def _not_found(model: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = get_close_matches(model, names, 1)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    hint = (
        f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(names[:_NAMED]) or 'none'}{more}."
    )
    return f"There is no model {model!r}: {hint}"
