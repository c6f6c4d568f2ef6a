"""Where kopf meets the operator: it watches, and every event only wakes a model. The only kopf decorators.

No timer, daemon or deletion handler sits on E2IModel: each would add a finalizer and writes of its own.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import kopf

from e2i.api import naming
from e2i.archive.s3.settings import BadSetting
from e2i.controller.app import Operator
from e2i.controller.settings import Settings, read_settings
from e2i.kube import ApiError, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, DEPLOYMENTS, E2I_MODELS, SERVICES

START_RETRY = 3.0
OURS = {naming.MODEL_LABEL: kopf.PRESENT}


@kopf.on.startup()
async def start(memo: kopf.Memo, settings: kopf.OperatorSettings, **_: Any) -> None:
    chosen = _settings()
    _configure(settings)
    logging.getLogger("e2i").setLevel(chosen.log_level)
    # A line for each event of each object and for each probe would drown the operator's own words.
    for chatty in ("kopf.objects", "kopf.activities.probe", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        memo.operator = await Operator.start(chosen)
    except ApiError as error:
        raise kopf.TemporaryError(f"the operator cannot start yet: {error}", delay=START_RETRY) from error


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    operator: Operator | None = memo.get("operator")
    if operator is not None:
        await operator.stop()


@kopf.on.login()
def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """The pod's service account; outside of a cluster what $KUBECONFIG names."""
    folder = _settings().service_account
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if host and port and (folder / "token").is_file():
        return kopf.ConnectionInfo(
            server=f"https://{host}:{port}",
            ca_path=str(folder / "ca.crt"),
            scheme="Bearer",
            token=(folder / "token").read_text().strip(),
        )
    return kopf.login_with_kubeconfig(**kwargs)


@kopf.on.probe(id="passes")
def passes(memo: kopf.Memo, **_: Any) -> dict[str, object]:
    """Told by the liveness endpoint: how much there is to do, and when a watch last said anything."""
    operator: Operator | None = memo.get("operator")
    return operator.health() if operator is not None else {}


def _watch(resource: Resource, **filters: Any) -> None:
    """Take in every event of a kind; kopf hands a watched kind's events to each of its handlers in sequence."""

    async def take_in(memo: kopf.Memo, event: kopf.RawEvent, **_: Any) -> None:
        memo.operator.take_in(resource, event["type"], event["object"])

    kopf.on.event(resource.group, resource.version, resource.plural, id=resource.plural, **filters)(take_in)


_watch(E2I_MODELS)
_watch(BENTO_REQUESTS)
_watch(BENTO_DEPLOYMENTS)
# Every Deployment of the cluster is told of; only those that carry a model's label are looked at.
_watch(DEPLOYMENTS, labels=OURS)
_watch(SERVICES)


def _settings() -> Settings:
    try:
        return read_settings(os.environ)
    except BadSetting as error:
        # An exception that kopf handles would bury this sentence under a traceback.
        logging.getLogger("e2i").error("%s", error)
        sys.exit(1)


def _configure(settings: kopf.OperatorSettings) -> None:
    """Quiet, bounded, and without a trace on the objects it watches."""
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.persistence.finalizer = f"{naming.GROUP}/kopf"
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.queueing.worker_limit = 32


class _NoDiffBase(kopf.DiffBaseStorage):
    """kopf copies every object to find differences that no handler of ours asks for; this spares it."""

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        return None

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()
