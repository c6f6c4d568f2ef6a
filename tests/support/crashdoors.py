"""The two doors at which the operator is struck, the API server and S3, and what its calls there are called."""

from __future__ import annotations

import json
import re
import ssl

from aiohttp import web
from support.crashproxy import Server
from support.stage import condition

from e2i.controller.edge.informer import SOURCES
from e2i.kube import Object
from e2i.local.layout import ClusterHome

SENTINEL = "sentinel"
"""A model without a bento: when it was looked at, so was what was changed before it."""
_OBJECT = re.compile(r"/(?:api/v1|apis/[^/]+/[^/]+)/namespaces/[^/]+/([a-z0-9]+)(?:/([^/]+))?(?:/([^/]+))?")
_VERBS = {"PATCH": "apply", "PUT": "replace", "POST": "create", "DELETE": "delete"}
_CLUSTER_WIDE = {source.resource.path(): source.resource for source in SOURCES}
_VOLATILE = re.compile(r"(?<=/[0-9a-f]{8})[0-9a-f]{56}|\d{8}T\d{6}Z-")


def api_server(home: ClusterHome, namespace: str) -> Server:
    """The API server, of which only one namespace is to be seen."""

    def path(request: web.Request) -> str:
        place, _, query = request.raw_path.partition("?")
        if resource := _CLUSTER_WIDE.get(place):
            place = resource.path(namespace)
        return f"{place}?{query}" if query else place

    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(home.pki / "kube-apiserver-serving.crt", home.pki / "kube-apiserver-serving.key")
    trusting = ssl.create_default_context(cafile=str(home.pki / "cluster-ca.crt"))
    return Server(home.api_server_url, serving, trusting, path)


def s3_server(home: ClusterHome) -> Server:
    return Server(home.s3_url)


def name_of_write(request: web.Request, body: bytes) -> str | None:
    """`apply services/churn`, `status Building`; None for reads, events, the Lease and the sentinel."""
    found = _OBJECT.fullmatch(request.path)
    if request.method not in _VERBS or not found:
        return None
    plural, name, part = found.groups()
    if plural in ("events", "leases") or name == SENTINEL:
        return None
    if part == "status":
        return f"status {_reason(json.loads(body))}"
    # Of what is created the path has no name.
    name = name or json.loads(body)["metadata"]["name"]
    return f"{_VERBS[request.method]} {plural}/{name}"


def _reason(body: Object) -> str:
    ready = condition(body, "Ready")
    return ready["reason"] if ready else "without Ready"


def name_of_s3_call(request: web.Request, body: bytes) -> str | None:
    """`PUT part 2`, `HEAD bentos/churn/1.0.0/9f3c.tar`: all calls count, reads too."""
    query = request.query
    if "uploads" in query:
        return "create upload" if request.method == "POST" else "list uploads"
    if "partNumber" in query:
        return f"put part {query['partNumber']}"
    if "uploadId" in query:
        return {"POST": "complete upload", "DELETE": "abort upload"}.get(request.method, "list parts")
    # Without the bucket, the run's prefix, and most of the digest.
    key = "/".join(request.path.split("/")[2:])
    if "list-type" in query:
        key = f"list {query['prefix']}"
    key = re.sub(r"operator-[0-9a-f]{8}/", "", key)
    return f"{request.method.lower()} {_VOLATILE.sub('', key)}"
