"""Reads a kubeconfig whose identity is written in it: client certificates or a token, as most clusters give it.

It knows nothing else, and leaves everything unusual, faults too, to the client package (`kubeconfig_access`), whose
import takes half a second of CPU: a command of kubectl e2i does little more.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from e2i.kube.access import Access, proxy_for

_CLUSTER = {
    "server",
    "certificate-authority",
    "certificate-authority-data",
    "tls-server-name",
    "extensions",
}
_USER = {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token"}


def plain_access(path: Path, context: str | None) -> Access | None:
    """Return the access of the kubeconfig's context; None if only the client package can tell what it means."""
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(document, dict):
        return None
    chosen = _entry(document, "contexts", "context", context or document.get("current-context"))
    cluster = _entry(document, "clusters", "cluster", chosen.get("cluster"))
    user = _entry(document, "users", "user", chosen.get("user"))
    if not (_is_plain(cluster, _CLUSTER) and _is_plain(user, _USER)):
        return None
    authority = _content(cluster, "certificate-authority", path.parent)
    certificate = _content(user, "client-certificate", path.parent)
    key = _content(user, "client-key", path.parent)
    has_identity = bool(certificate and key) or ("token" in user and certificate is key is None)
    if not (cluster.get("server", "").startswith("https://") and authority and has_identity):
        return None
    server = cluster["server"].rstrip("/")
    return Access(
        server=server,
        credentials=_Token(user.get("token", "")).headers,
        tls=_tls(authority, certificate + b"\n" + key if certificate and key else b""),
        tls_server_name=cluster.get("tls-server-name"),
        proxy=proxy_for(server),
    )


def _entry(document: Mapping[str, Any], kind: str, field: str, name: object) -> Mapping[str, Any]:
    """Return the only entry with this name; nothing if there is none, or more than one."""
    entries = document.get(kind)
    named = [
        entry
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and name and entry.get("name") == name
    ]
    found = named[0].get(field) if len(named) == 1 else None
    return found if isinstance(found, dict) else {}


def _is_plain(entry: Mapping[str, Any], known: Iterable[str]) -> bool:
    """Return whether the entry says something, and nothing but texts that are known here."""
    values = [value for name, value in entry.items() if name != "extensions"]
    return (
        bool(values) and entry.keys() <= set(known) and all(isinstance(each, str) and each for each in values)
    )


def _content(entry: Mapping[str, str], name: str, folder: Path) -> bytes | None:
    """Return what the entry has, or the file that it names; empty if that cannot be read, None if it names nothing."""
    try:
        if f"{name}-data" in entry:
            return base64.standard_b64decode(entry[f"{name}-data"])
        return (folder / entry[name]).read_bytes() if name in entry else None
    except (OSError, ValueError):
        return b""


def _tls(authority: bytes, identity: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.decode())
    if identity:
        # ssl reads a key from files only.
        with tempfile.NamedTemporaryFile(prefix="e2i-") as file:
            file.write(identity)
            file.flush()
            context.load_cert_chain(file.name)
    return context


class _Token:
    """A token that stays as it is; "" if the identity is in the certificate."""

    def __init__(self, value: str) -> None:
        self._headers = {"Authorization": f"Bearer {value}"} if value else {}

    async def headers(self) -> Mapping[str, str]:
        return self._headers
