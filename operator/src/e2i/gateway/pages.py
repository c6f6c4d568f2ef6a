"""Pages about the gateway itself and the models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources

import e2i
from e2i.gateway.callers import require_permission
from e2i.gateway.core import health
from e2i.gateway.core.access import Caller
from e2i.gateway.core.documentation import openapi
from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.core.routing import Key
from e2i.gateway.directory import Directory
from e2i.gateway.edge.metrics import CONTENT_TYPE, Metrics
from e2i.gateway.exchange import Answer, Request, as_json

HTML = "text/html; charset=utf-8"
PAGE = (resources.files("e2i.gateway") / "docs.html").read_bytes()


class Pages:
    """Answers of GET. Each shows the models that the caller may ask, and no others."""

    def __init__(
        self,
        directory: Directory,
        metrics: Metrics,
        circuits: Callable[[], Mapping[Key, str]],
        unready: Callable[[], str],
    ) -> None:
        """`unready` returns why the gateway should get no requests now; empty if it should."""
        self._directory = directory
        self._metrics = metrics
        self._circuits = circuits
        self._unready = unready

    async def alive(self, request: Request) -> Answer:
        return as_json({"alive": True})

    async def ready(self, request: Request) -> Answer:
        why = self._unready()
        return as_json({"ready": not why, "unready": why}, 503 if why else 200)

    async def inference_alive(self, request: Request) -> Answer:
        return as_json({"live": True})

    async def inference_ready(self, request: Request) -> Answer:
        why = self._unready()
        return as_json({"ready": not why}, 503 if why else 200)

    async def health(self, request: Request, caller: Caller) -> Answer:
        """Each model's state. 503 only if none serves: a model that is down is no reason to leave the others alone."""
        models = [model for model in self._directory.table.models if caller.grant.allows(model)]
        document = health.health(models, self._circuits())
        return as_json(document, 503 if document["status"] == "down" else 200)

    async def models(self, request: Request, caller: Caller) -> Answer:
        targets = self._directory.table.targets(caller.grant.allows)
        shown = [
            {
                "name": each.name,
                "model": each.model.title,
                "state": each.model.state.name,
                "routes": sorted(each.routes),
            }
            for each in targets
        ]
        return as_json({"models": shown})

    async def schema(self, name: str, request: Request, caller: Caller) -> Answer:
        """Show inputs and outputs of a model as its bento says them, with paths below the model's own."""
        target = self._directory.table.find(name, caller.grant.allows)
        require_permission(caller, target.model)
        if target.interface is None:
            raise Refused(
                Reason.RouteUnknown,
                f"what {name} takes is not known: it has not said it yet, has no schema, or two releases share its "
                "address. Send a body as it is: the model judges it",
            )
        return as_json(target.interface.below(target.prefix).document())

    async def openapi(self, request: Request, caller: Caller) -> Answer:
        targets = self._directory.table.targets(caller.grant.allows)
        return as_json(openapi(targets, e2i.__version__))

    async def docs(self, request: Request) -> Answer:
        """The page itself says nothing of the models: it asks for /openapi.json, with the reader's key."""
        return Answer(body=PAGE, content_type=HTML)

    async def metrics(self, request: Request, caller: Caller) -> Answer:
        """Show the metrics, which name all models."""
        if not caller.grant.allows_all:
            raise Refused(
                Reason.NotPermitted,
                f"the metrics are of all models, and {caller.name} may ask some: Prometheus gets them at "
                "E2I_GATEWAY_METRICS_ADDRESS",
            )
        return Answer(body=self._metrics.text(), content_type=CONTENT_TYPE)
