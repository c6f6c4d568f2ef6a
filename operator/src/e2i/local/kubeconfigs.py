"""Kubeconfig files: one for each identity, with its certificates inside, readable by the owner only."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from e2i.local.certificates import IDENTITIES
from e2i.local.layout import ClusterHome


def write_kubeconfigs(home: ClusterHome) -> None:
    """Write the kubeconfig of every identity, and a copy of the administrator's for the user."""
    for identity in IDENTITIES:
        _write(home.kubeconfig_of(identity.name), kubeconfig(home, identity.name))
    _write(home.kubeconfig, kubeconfig(home, "admin"))


def kubeconfig(home: ClusterHome, identity: str) -> dict[str, Any]:
    """Return a kubeconfig with one context, `e2i-<cluster>`, and with the certificates inside."""
    context = f"e2i-{home.name}"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": context,
                "cluster": {
                    "server": home.api_server_url,
                    "certificate-authority-data": _inline(home.pki / "cluster-ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": f"{context}-{identity}",
                "user": {
                    "client-certificate-data": _inline(home.pki / f"{identity}.crt"),
                    "client-key-data": _inline(home.pki / f"{identity}.key"),
                },
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": context, "user": f"{context}-{identity}"}}],
        "current-context": context,
    }


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        # JSON is YAML, and every client reads it.
        json.dump(content, file, indent=2)
    partial.replace(path)
