"""Which handler a request has: the paths of the gateway.

POST /api/predict, /api/explain            of the model that query or body name, or of the only one
POST /api/models/NAME/ROUTE, /NAME/ROUTE   of that model
GET  /api/models/NAME/schema.json          what that model takes, as its bento says it
GET  /api/models, /health/bentoml          what there is, and how it is
GET  /docs, /openapi.json                  what each model takes
     /v2/...                               Open Inference Protocol
GET  /healthz, /readyz, /metrics           of the gateway itself
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from e2i.gateway.asking import Asking
from e2i.gateway.callers import Callers
from e2i.gateway.core.access import Caller
from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.directory import Directory
from e2i.gateway.exchange import Answer, Request
from e2i.gateway.inference import Inference
from e2i.gateway.pages import Pages

Handle = Callable[[Request], Awaitable[Answer]]
CallerHandle = Callable[[Request, Caller], Awaitable[Answer]]
GENERAL = ("predict", "explain")
NOT_ENCODED = "identity"


class Routes:
    """Finds the handler of each request. Everything but the probes and /docs is for callers that are known."""

    def __init__(
        self, directory: Directory, callers: Callers, asking: Asking, inference: Inference, pages: Pages
    ) -> None:
        self._directory = directory
        self._callers = callers
        self._asking = asking
        self._inference = inference
        self._schema = pages.schema
        self._open = {
            "/healthz": pages.alive,
            "/livez": pages.alive,
            "/readyz": pages.ready,
            "/docs": pages.docs,
            "/v2/health/live": pages.inference_alive,
            "/v2/health/ready": pages.inference_ready,
        }
        self._pages: dict[str, CallerHandle] = {
            "/api/models": pages.models,
            "/health/bentoml": pages.health,
            "/openapi.json": pages.openapi,
            "/metrics": pages.metrics,
            "/v2": inference.server,
        }

    async def admit(self, request: Request) -> Handle:
        """Return the handler; Refused if there is none, or if the caller may not come in."""
        path = request.path.rstrip("/") or "/docs"
        if page := self._open.get(path):
            _require(request, "GET", "HEAD")
            return page
        caller = await self._callers.identify(request.headers)
        if shown := self._pages.get(path):
            _require(request, "GET", "HEAD")
            return partial(_as, shown, caller)
        _require_uncompressed(request)
        return partial(_as, self._of_model(request, path), caller)

    def _of_model(self, request: Request, path: str) -> CallerHandle:
        match path.split("/")[1:]:
            case ["v2", "models", name, *rest]:
                return self._of_inference(request, name, rest)
            case ["api", route] | [route] if route in GENERAL:
                _require(request, "POST")
                return partial(self._ask_chosen, route)
            case ["api", "models", name, "schema.json"] | [name, "schema.json"]:
                _require(request, "GET", "HEAD")
                return partial(self._schema, name)
            case ["api", "models", name, *route] if route:
                _require(request, "POST")
                return partial(self._ask, name, "/".join(route))
            case [name, *route] if route:
                _require(request, "POST")
                return partial(self._ask, name, "/".join(route))
        raise Refused(Reason.RouteUnknown, f"there is no path {path[:100]}; /docs shows those that there are")

    def _of_inference(self, request: Request, name: str, rest: list[str]) -> CallerHandle:
        match rest:
            case ["versions", version, *rest]:
                pass
            case _:
                version = ""
        match rest:
            case []:
                _require(request, "GET", "HEAD")
                return partial(self._inference.model, name, version)
            case ["ready"]:
                _require(request, "GET", "HEAD")
                return partial(self._inference.ready, name, version)
            case ["infer"]:
                _require(request, "POST")
                return partial(self._inference.infer, name, version)
        raise Refused(
            Reason.RouteUnknown,
            f"the protocol has no path {'/'.join(rest)[:100]} of a model; it has ready and infer",
        )

    async def _ask_chosen(self, route: str, request: Request, caller: Caller) -> Answer:
        target, request = self._asking.choose(request, caller)
        return await self._asking.ask(request, caller, target, route)

    async def _ask(self, name: str, route: str, request: Request, caller: Caller) -> Answer:
        target = self._directory.table.find(name, caller.grant.allows)
        return await self._asking.ask(request, caller, target, route)


async def _as(handle: CallerHandle, caller: Caller, request: Request) -> Answer:
    return await handle(request, caller)


def _require(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise Refused(
            Reason.MethodNotAllowed,
            f"{request.path[:100]} takes {methods[0]}, and not {request.method}",
            details={"allow": methods},
        )


def _require_uncompressed(request: Request) -> None:
    encoding = request.headers.get("content-encoding", NOT_ENCODED)
    if encoding.lower() != NOT_ENCODED:
        raise Refused(
            Reason.EncodingNotSupported,
            f"Content-Encoding: {encoding[:40]!r} is not taken; send the body uncompressed",
            details={"field": "Content-Encoding"},
        )
