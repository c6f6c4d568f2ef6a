"""The Open Inference Protocol, version 2, over HTTP (https://github.com/kserve/open-inference-protocol)."""

from __future__ import annotations

import e2i
from e2i.gateway.asking import Asking
from e2i.gateway.callers import require_permission
from e2i.gateway.core import open_inference
from e2i.gateway.core.access import Caller
from e2i.gateway.core.health import unavailable
from e2i.gateway.core.refusal import Reason, Refused
from e2i.gateway.core.routing import Target
from e2i.gateway.directory import Directory
from e2i.gateway.exchange import Answer, Request, as_json

LENGTH_HEADER = "inference-header-content-length"
"""Bytes of JSON at the begin of a body whose rest is binary."""


class Inference:
    """The paths below /v2."""

    def __init__(self, directory: Directory, asking: Asking) -> None:
        self._directory = directory
        self._asking = asking

    async def server(self, request: Request, caller: Caller) -> Answer:
        """Say which server this is."""
        return as_json(
            {"name": "e2i-gateway", "version": e2i.__version__, "extensions": ["binary_tensor_data"]}
        )

    async def model(self, name: str, version: str, request: Request, caller: Caller) -> Answer:
        """Say what a model takes and answers."""
        return as_json(open_inference.metadata(self._find(name, version, caller)))

    async def ready(self, name: str, version: str, request: Request, caller: Caller) -> Answer:
        """Say whether a model answers; 503 if it does not."""
        target = self._find(name, version, caller)
        if not target.model.is_answering:
            raise unavailable(target.model)
        return as_json({"name": name, "ready": True})

    async def infer(self, name: str, version: str, request: Request, caller: Caller) -> Answer:
        """Ask the model, one row for each element of the inputs."""
        target = self._find(name, version, caller)
        try:
            return await self._infer(target, request, caller)
        except Refused as refused:
            refused.model, refused.route = target.model.title, "infer"
            raise

    async def _infer(self, target: Target, request: Request, caller: Caller) -> Answer:
        self._asking.admit(caller, target, "predict")
        inference = open_inference.inference_of(target, request.body, _header_length(request))
        path = target.path(inference.route)
        await self._asking.check(target, path, inference.body)
        answer = await self._asking.send(request, target, path, inference.body, is_json=True)
        model = target.model.title
        if answer.status != 200:
            return Answer(status=answer.status, body=answer.body, model=model, route="infer")
        content = as_json(open_inference.answer_of(target, inference, answer.body))
        return Answer(body=content.body, model=model, route="infer")

    def _find(self, name: str, version: str, caller: Caller) -> Target:
        target = self._directory.table.find(name, caller.grant.allows)
        require_permission(caller, target.model)
        serving = open_inference.version_of(target)
        if version and version != serving:
            raise Refused(Reason.ModelUnknown, f"{name} has no version {version[:80]} here: {serving} serves")
        return target


def _header_length(request: Request) -> int | None:
    text = request.headers.get(LENGTH_HEADER)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text) > len(request.body):
        raise Refused(
            Reason.BadRequest,
            f"{LENGTH_HEADER}: {text[:40]!r} is no number of bytes that the body has",
            details={"field": LENGTH_HEADER},
        )
    return int(text)
