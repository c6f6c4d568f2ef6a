"""Takes a request to a model: to its Service directly, through the API server's proxy, or by a port-forward.

On the local cluster directly, because its Services have addresses of this machine, and never by the API server's
Service proxy: the pods' 10.x.y.z exist in its API only, and elsewhere may be somebody's host. On other clusters first
by that proxy, which needs one right and no other program. Where this does not work, `kubectl port-forward` goes
through the kubelet.
"""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from e2i.api.naming import SERVICE_PORT
from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.port_forward import forwarded
from e2i.cli.plugin.session import Session, Target
from e2i.kube import ApiError, Response
from e2i.kube.e2i_kinds import SERVICES
from e2i.kube.exchange import exchange
from e2i.kube.local_service import local_address

FORM = "multipart/form-data"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A POST of `body`, or a GET if it is None."""

    body: bytes | None
    route: str
    timeout: float
    content_type: str = "application/json"

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def headers(self) -> dict[str, str]:
        return {"Accept": "*/*"} | ({} if self.body is None else {"Content-Type": self.content_type})


@dataclass(frozen=True)
class Delivered:
    """The model's answer, and how the request got there."""

    way: str
    response: Response


async def deliver(
    session: Session, target: Target, name: str, request: Request, *, only_port_forward: bool = False
) -> Delivered:
    """Send `request` to the model `name` by the first way that works; CommandError when none does."""
    if only_port_forward:
        return await _by_port_forward(session, target, name, request)
    local = await local_address(session.kube, session.namespace, name)
    address = f"http://{local}:{SERVICE_PORT}"
    tried = _at_local_address(address, request) if local else _by_service_proxy(session, name, request)
    answer = await tried
    if isinstance(answer, Delivered):
        return answer
    try:
        return await _by_port_forward(session, target, name, request)
    except CommandError as error:
        raise CommandError(f"{answer} Nor does a port-forward work: {error.message}") from error


async def _at_local_address(address: str, request: Request) -> Delivered | str:
    """Return the answer, or a sentence that says why the address does not lead to the model."""
    try:
        return await _directly(address, request)
    except ApiError as error:
        if error.reason == "Timeout":
            raise CommandError(f"{error.message}. Wait longer with --timeout.") from error
        # No pod is ready, or the kubeconfig leads to the local cluster of another machine through a tunnel.
        return f"{error.message}."


async def _directly(address: str, request: Request) -> Delivered:
    async with aiohttp.ClientSession(trust_env=False) as http:
        url = f"{address}{request.route}"
        response = await exchange(http, request.method, url, request.body, request.headers, request.timeout)
    return Delivered(f"{request.method} {url}", response)


async def _by_service_proxy(session: Session, name: str, request: Request) -> Delivered | str:
    """Return the answer, or a sentence that says why the API server could not pass the request on."""
    path = SERVICES.path(session.namespace, f"{name}:{SERVICE_PORT}", "proxy") + request.route
    try:
        response = await session.kube.forward(
            request.method, path, request.body, request.headers, request.timeout
        )
    except ApiError as error:
        if error.reason != "Timeout":
            raise
        raise CommandError(
            f"{name} did not answer within {request.timeout:g} s through the API server's proxy. Wait longer with "
            "--timeout, or try --port-forward."
        ) from error
    refusal = response.api_error()
    if refusal is None:
        return Delivered(f"{request.method} {request.route} through the API server's proxy", response)
    if refusal.status in (401, 429):
        raise refusal
    if "no endpoints available" in refusal.message:
        raise CommandError(f"No pod of {name} is ready to take requests. Try again in a moment.")
    if refusal.status == 403:
        verb = "get" if request.body is None else "create"
        return f"You may not {verb} services/proxy in namespace {session.namespace}: ask for a role that allows it."
    return f"The API server's proxy does not reach {name}: {refusal.message.rstrip('.')}."


async def _by_port_forward(session: Session, target: Target, name: str, request: Request) -> Delivered:
    async with forwarded(target, session.namespace, name) as forward:
        try:
            delivered = await _directly(forward.address, request)
        except ApiError as error:
            said = forward.last_words()
            raise CommandError(f"{error.message}.{f' kubectl: {said}' if said else ''}") from error
    return Delivered(f"{request.method} {request.route} through kubectl port-forward", delivered.response)
