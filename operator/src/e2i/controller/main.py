"""The kopf handlers of the operator: kopf runs the process, from start to stop.

The operator watches by itself (`edge/informer.py`, docs/decisions/0023-own-watches.md). So there is no handler for a
kind: kopf would hold whole lists, and a timer, daemon or deletion handler would add a finalizer and writes of its own.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import kopf

from e2i.controller.edge import log_context
from e2i.controller.process import Process
from e2i.controller.settings import Settings, read_settings
from e2i.variables import Asked, BadSetting

YOUNG = 10_000
"""New objects after which garbage is searched for among them. Python's 700 means several times in each pass."""


# An error that nobody expected ends the process, and Kubernetes starts it again. kopf would wait for a minute, and
# meanwhile nobody operates.
@kopf.on.startup(errors=kopf.ErrorsMode.PERMANENT)
async def start(memo: kopf.Memo, settings: kopf.OperatorSettings, **_: Any) -> None:
    """Read the settings, wait until this is the active operator, and start it."""
    # If the process ends before kopf's other tasks have begun, Python warns of each after the line that says why.
    await asyncio.sleep(0)
    environment = Asked(os.environ)
    chosen = _settings(environment)
    _configure(settings)
    log_context.install(chosen.log_level)
    _name_misspelt(environment)
    process = Process(chosen)
    try:
        await process.start()
    except BadSetting as error:
        await process.stop()
        _refuse(error)
    except BaseException:
        await process.stop()
        raise
    memo.process = process
    _keep_pauses_short()


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Stop the operator, if it was started."""
    process: Process | None = memo.get("process")
    if process is not None:
        await process.stop()


@kopf.on.login()
def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Log kopf in as the service account of the pod; outside a pod, as the kubeconfig says."""
    folder = _settings(os.environ).service_account
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if host and port and (folder / "token").is_file():
        return kopf.ConnectionInfo(
            server=f"https://{host}:{port}",
            ca_path=str(folder / "ca.crt"),
            scheme="Bearer",
            token=(folder / "token").read_text().strip(),
        )
    return kopf.login_with_kubeconfig(**kwargs)


def _keep_pauses_short() -> None:
    """Exempt what is in memory now from garbage collection.

    It stays until the end: modules, clients, the cluster as it was listed. To search all of it stops the process for a
    tenth of a second, again and again while there is much to do.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)


def _settings(environment: Mapping[str, str]) -> Settings:
    try:
        return read_settings(environment)
    except BadSetting as error:
        _refuse(error)


def _name_misspelt(environment: Asked) -> None:
    """Log each variable that looks like a setting and is none: it has no effect, and nothing else would show that."""
    for given, meant in environment.misspelt().items():
        logging.getLogger("e2i").warning(
            "the setting %s does not exist and has no effect: is %s meant?", given, meant
        )


def _refuse(error: BadSetting) -> NoReturn:
    """End the process with the sentence of the error; for an exception kopf would log a traceback."""
    logging.getLogger("e2i").error("a setting cannot be used: %s", error)
    sys.exit(1)


def _configure(settings: kopf.OperatorSettings) -> None:
    """Set time limits, and keep kopf from watching and writing."""
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
