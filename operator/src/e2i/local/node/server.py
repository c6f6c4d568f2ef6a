"""The kubelet's HTTPS server, for logs, exec, port-forward, resource metrics and health.

Only the API server may send requests: it has a client certificate of the cluster's CA with its own name. Metrics are
also served to users, by certificate or token, that the API server allows to read them, such as metrics-server.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from aiohttp import web
from aiohttp.typedefs import Handler

from e2i.local.layout import ClusterHome
from e2i.local.node import clock, port_forward, remote_command
from e2i.local.node.logfiles import Query, older, rendered, selected
from e2i.local.node.pod_workers import Pods
from e2i.local.node.records import Terminated
from e2i.local.node.reviews import Reviews
from e2i.local.node.usage import Meter, Subject, exposition
from e2i.local.node.worker import PodWorker

CLIENT = "kube-apiserver-kubelet-client"
METRICS = "/metrics/resource"
LOOK_EVERY = 0.1
PIECE = 64 * 1024


class Server:
    """Serves requests about the pods of this node."""

    def __init__(self, pods: Pods, reviews: Reviews) -> None:
        self._pods = pods
        self._reviews = reviews
        self._meter = Meter()

    async def start(self, home: ClusterHome) -> web.AppRunner:
        """Listen on the node's port; the caller cleans the runner up."""
        app = web.Application(middlewares=[self._only_known_clients])
        app.router.add_get("/healthz", self._health)
        app.router.add_get(METRICS, self._metrics)
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        app.router.add_get("/exec/{namespace}/{pod}/{container}", self._exec)
        app.router.add_get("/portForward/{namespace}/{pod}", self._port_forward)
        app.router.add_route("*", "/{rest:.*}", self._not_offered)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", home.ports.node_agent, ssl_context=_tls(home.pki)).start()
        return runner

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _not_offered(self, request: web.Request) -> web.Response:
        verb = request.path.split("/")[1]
        if verb in ("exec", "portForward"):
            text = f"the local node takes {verb} by WebSocket only; use kubectl 1.31 or newer\n"
            return web.Response(status=400, text=text)
        text = f"the local node does not offer {verb}; use kubectl logs or kubectl exec\n"
        return web.Response(status=501, text=text)

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        worker, name = self._worker(request), request.match_info["container"]
        if name not in worker.attempts:
            raise web.HTTPConflict(text=f'container "{name}" does not run; see `kubectl describe pod`\n')
        return await remote_command.execute(request, worker.attempts[name].launch)

    async def _port_forward(self, request: web.Request) -> web.StreamResponse:
        worker = self._worker(request)
        if not worker.attempts:
            raise web.HTTPConflict(text="no container of the pod runs; see `kubectl describe pod`\n")
        return await port_forward.forward(request, worker.setup.machine_address)

    def _worker(self, request: web.Request) -> PodWorker:
        """Return the worker of the pod that the request names; HTTPNotFound if there is none."""
        name = request.match_info["pod"]
        worker = self._pods.find(request.match_info["namespace"], name)
        if worker is None:
            raise web.HTTPNotFound(text=f'pod "{name}" not found\n')
        return worker

    async def _metrics(self, _request: web.Request) -> web.Response:
        subjects = [
            Subject(
                namespace=worker.pod["metadata"]["namespace"],
                pod=worker.pod["metadata"]["name"],
                container=name,
                pid=attempt.pid,
                started_at=attempt.begun,
            )
            for worker in self._pods.workers()
            for name, attempt in worker.attempts.items()
        ]
        samples, at = await asyncio.to_thread(self._meter.samples, subjects)
        return web.Response(text=exposition(samples, at))

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        names, asked = request.match_info, dict(request.query)
        worker, name = self._worker(request), names["container"]
        if name not in worker.records:
            return web.Response(status=404, text=f'container "{name}" not found in pod "{names["pod"]}"\n')
        path = log_path(worker, name, previous=asked.get("previous") == "true")
        if isinstance(path, str):
            return web.Response(status=400, text=path + "\n")
        query = _query(asked)
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await answer.prepare(request)
        left = int(asked.get("limitBytes", sys.maxsize))
        async for piece in _content(path, worker, query, follow=asked.get("follow") == "true"):
            await answer.write(piece[:left])
            left -= len(piece)
            if left <= 0:
                break
        await answer.write_eof()
        return answer

    @web.middleware
    async def _only_known_clients(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse all clients except the API server and, for metrics, clients that the API server allows to read them.

        TLS checks the certificate, this function checks the name in it. A kubelet does the same.
        """
        names = certificate_names(request, "commonName")
        if CLIENT in names:
            return await handler(request)
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if request.path != METRICS or not (names or kind == "Bearer"):
            return web.Response(status=403, text="only the API server may ask the node; use kubectl\n")
        if names:
            groups = certificate_names(request, "organizationName") | {"system:authenticated"}
            status, why = await self._reviews.may_user_read_metrics(min(names), groups)
        else:
            status, why = await self._reviews.may_read_metrics(token)
        return await handler(request) if status == 200 else web.Response(status=status, text=why + "\n")


async def _content(path: Path, worker: PodWorker, query: Query, *, follow: bool) -> AsyncIterator[bytes]:
    """Yield the log in pieces; with `follow` until its container has ended."""
    attempt = next((each for each in worker.attempts.values() if each.log == path), None)
    current: BinaryIO = path.open("rb")
    try:
        kept = (older(path).read_bytes() if older(path).exists() else b"") + current.read()
        for piece in pieces(selected(kept, query)):
            yield piece
        rest = b""
        while follow:
            # Checked before reading, so that lines written before the end are still shown.
            over = attempt is None or worker.attempts.get(attempt.name) is not attempt
            *lines, rest = (rest + current.read()).split(b"\n")
            for piece in pieces(rendered(lines, query)):
                yield piece
            if over:
                return
            if not lines:
                await asyncio.sleep(LOOK_EVERY)
                current = _rotated(path, current)
    finally:
        current.close()


def _rotated(path: Path, current: BinaryIO) -> BinaryIO:
    """Return the open file, or the one that has taken its name, once the old one is read to its end."""
    try:
        if os.stat(path).st_ino == os.fstat(current.fileno()).st_ino:
            return current
        newer = path.open("rb")
    except FileNotFoundError:
        return current
    current.close()
    return newer


def pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines to pieces of at least PIECE bytes."""
    buffer = bytearray()
    for line in lines:
        buffer += line
        if len(buffer) >= PIECE:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def log_path(worker: PodWorker, name: str, *, previous: bool) -> Path | str:
    """Return the file of the log, or a sentence on why there is none."""
    record, pod = worker.records[name], worker.pod["metadata"]["name"]
    # While a container waits for its restart, the attempt that ended last already counts as the previous one.
    waits = isinstance(record.state, Terminated) and worker.will_restart(name)
    path = worker.log_file(name, record.restarts - (previous and not waits))
    if path.exists():
        return path
    if previous:
        return f'previous terminated container "{name}" in pod "{pod}" not found'
    reason = getattr(record.state, "reason", "")
    return f'container "{name}" in pod "{pod}" is waiting to start: {reason}'


def _query(asked: Mapping[str, str]) -> Query:
    try:
        since = None
        if "sinceSeconds" in asked:
            since = clock.now() - int(asked["sinceSeconds"])
        elif "sinceTime" in asked:
            since = clock.seconds_of(asked["sinceTime"])
        tail = int(asked["tailLines"]) if "tailLines" in asked else None
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"bad log option: {error}\n") from error
    return Query(since=since, tail=tail, timestamps=asked.get("timestamps") == "true")


def _tls(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "cluster-ca.crt"))
    # A client without a certificate may have a token instead.
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(pki / "node-serving.crt", pki / "node-serving.key")
    return context


def certificate_names(request: web.Request, kind: str) -> set[str]:
    """Return the names of this kind in the subject of the client's certificate; empty if it has none."""
    certificate = request.get_extra_info("peercert") or {}
    return {value for part in certificate.get("subject", ()) for key, value in part if key == kind}
