"""The kopf handlers of the operator: kopf runs the process, from start to stop, and answers its probes.

The operator watches by itself (`edge/informer.py`, docs/decisions/0018-own-watches.md). So there is no handler for a
kind: kopf would hold whole lists, and a timer, daemon or deletion handler would add a finalizer and writes of its own.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import kopf

from e2i.archive.s3.settings import BadSetting
from e2i.controller.app import Operator, connect
from e2i.controller.settings import Settings, read_settings
from e2i.kube import ApiError

START_RETRY = 3.0
"""Seconds between two attempts to start."""


@kopf.on.startup()
async def start(memo: kopf.Memo, settings: kopf.OperatorSettings, **_: Any) -> None:
    """Read the settings and start the operator; kopf tries again while the API server cannot be reached."""
    chosen = _settings()
    _configure(settings)
    logging.getLogger("e2i").setLevel(chosen.log_level)
    # They log a line for each event of each object and for each probe.
    for chatty in ("kopf.objects", "kopf.activities.probe", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        operator = await connect(chosen)
        await _start_or_stop(operator)
    except ApiError as error:
        raise kopf.TemporaryError(f"the operator cannot start yet: {error}", delay=START_RETRY) from error
    memo.operator = operator


async def _start_or_stop(operator: Operator) -> None:
    """Start the operator; if that fails, close its connections before the error goes on."""
    try:
        await operator.start()
    except BaseException:
        await operator.stop()
        raise


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Stop the operator, if it was started."""
    operator: Operator | None = memo.get("operator")
    if operator is not None:
        await operator.stop()


@kopf.on.login()
def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Log kopf in as the service account of the pod; outside a pod, as the kubeconfig says."""
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
    """Return what the liveness endpoint shows of the operator; nothing before it has started."""
    operator: Operator | None = memo.get("operator")
    return operator.health() if operator is not None else {}


def _settings() -> Settings:
    try:
        return read_settings(os.environ)
    except BadSetting as error:
        # For an exception kopf would log a traceback instead of this sentence.
        logging.getLogger("e2i").error("%s", error)
        sys.exit(1)


def _configure(settings: kopf.OperatorSettings) -> None:
    """Set time limits, and keep kopf from watching and writing."""
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
