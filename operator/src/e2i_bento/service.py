"""Makes a BentoML service of packaged models. A service.py is no more than:

    import bentoml
    from e2i_bento.service import declared, serves

    @bentoml.service(name="classification", workers=1, traffic={"timeout": 10})
    @serves
    class ClassificationService:
        churn_model = declared("churn_model")
        conversion_model = declared("conversion_model")

Each model has the routes /churn_model/predict, /churn_model/predict_batch and /churn_model/explain; the first declared
one also has them without its name. The service has /health and /model_info.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypeVar

import bentoml
from bentoml.models import BentoModel
from pydantic import BaseModel

from e2i_bento.batching import DEFAULT_TIMEOUT
from e2i_bento.card import Card, read_card
from e2i_bento.input_capture import capture_share
from e2i_bento.routes import Endpoints, model_routes, service_routes
from e2i_bento.served_model import ServedModel

T = TypeVar("T")


class Arguments(BaseModel):
    """Arguments of the build; BentoML keeps them in the bento and passes them again when it serves."""

    models: dict[str, str] = {}


def declared(name: str) -> Any:
    """Return the BentoML model of this name, in the version that the build argument `models` has for it, else the
    latest.

    To be a class attribute of the service: BentoML packs what it finds there, and nothing else.
    """
    version = bentoml.use_arguments(Arguments).models.get(name, "latest")
    return BentoModel(f"{name}:{version}")


def serves(service: type[T]) -> type[T]:
    """Give the class the routes of each model declared on it, readiness, health and model_info.

    Raises TypeError and ValueError when they are not declared as they must be, FileNotFoundError when one is not in
    the store.
    """
    stored = {name: _stored(model) for name, model in declared_on(service).items()}
    cards = {name: read_card(Path(model.path)) for name, model in stored.items()}
    original_init = service.__init__

    def init_service(self: Any) -> None:
        original_init(self)
        share = capture_share()
        self.e2i = Endpoints(
            {
                name: ServedModel(str(model.tag), Path(model.path), cards[name], share)
                for name, model in stored.items()
            },
            _timeout(service),
        )

    service.__init__ = init_service  # type: ignore[method-assign]
    service.__is_ready__ = lambda self: self.e2i.probe()  # type: ignore[attr-defined]
    for method, api in _apis(cards).items():
        # A method of the service's own, of the same name, is what its author wants.
        if not hasattr(service, method):
            setattr(service, method, api)
    return service


def declared_on(service: type[Any]) -> dict[str, Any]:
    """Return the models that a class declares, by name; TypeError or ValueError says what to write instead."""
    if not isinstance(service, type):
        raise TypeError("@serves stands below @bentoml.service(...), directly above the class")
    models = {name: model for name, model in vars(service).items() if isinstance(model, BentoModel)}
    if not models:
        raise ValueError(
            f"{service.__name__} declares no model: add `my_model = declared('my_model')` to the class"
        )
    for name, model in models.items():
        if model.tag.name != name:
            raise ValueError(
                f"{service.__name__}.{name} is the model {model.tag.name}: name the attribute {model.tag.name}, "
                "which is its route"
            )
    return models


def _timeout(service: type[Any]) -> float:
    """Return the seconds after which BentoML gives a request of this service up: its `traffic.timeout`."""
    decorated = getattr(sys.modules.get(service.__module__), service.__name__, None)
    traffic = getattr(decorated, "config", {}).get("traffic") or {}
    return float(traffic.get("timeout") or DEFAULT_TIMEOUT)


def _stored(model: Any) -> Any:
    """Return the model's folder and tag in the store that BentoML reads from, the bento's own when serving one."""
    found = model.stored
    # BentoML also finds a version that only begins like the one asked for.
    if found is None or (model.tag.version != "latest" and str(found.tag) != str(model.tag)):
        raise FileNotFoundError(
            f"the model {model.tag} is not in the BentoML store; package it first, or name another version"
        )
    return found


def _apis(cards: dict[str, Card]) -> dict[str, Any]:
    """Return every API method by its name on the class; the first model's also without its name."""
    apis = dict(service_routes())
    for number, (name, card) in enumerate(cards.items()):
        apis |= model_routes(name, card, prefix=f"{name}/")
        if number == 0:
            apis |= model_routes(name, card, prefix="")
    return apis
