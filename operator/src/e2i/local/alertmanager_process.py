"""Alertmanager as a process of this machine: its command and its configuration. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CONFIGURATION = "alertmanager.yml"


def command(program: Path, folder: Path, address: str) -> tuple[str, ...]:
    """Return the command of an Alertmanager whose configuration and data are in `folder`; it answers on HOST:PORT."""
    return (
        str(program),
        f"--config.file={folder / CONFIGURATION}",
        f"--storage.path={folder / 'notified'}",
        f"--web.listen-address={address}",
        # One alone: no port for others of its kind.
        "--cluster.listen-address=",
    )


def configuration(webhook: str, *, wait: str, again: str) -> dict[str, Any]:
    """Return its configuration: each alert of each model is a message of its own.

    `webhook`: the address that gets the messages; without one the alerts are on the page of the Alertmanager alone.
    `wait`: before the first message of an alert; `again`: between two of the same one, if it has changed.
    """
    receiver: dict[str, Any] = {"name": "people"}
    if webhook:
        receiver["webhook_configs"] = [{"url": webhook}]
    return {
        "route": {
            "receiver": "people",
            "group_by": ["alertname", "namespace", "model"],
            "group_wait": wait,
            "group_interval": again,
            "repeat_interval": "4h",
        },
        "receivers": [receiver],
    }
