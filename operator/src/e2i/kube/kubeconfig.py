"""Find the cluster, identity and namespace that kubectl would use, in the same files.

The client package merges the files too, but it uses the last `current-context` where kubectl uses the first, and it
silently ignores settings of a user entry that it does not support.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2i.kube.errors import KubeconfigError

_IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")
_PROVIDERS = ("gcp", "oidc")


@dataclass(frozen=True, kw_only=True)
class Context:
    """One context of the kubeconfig; `files` are the files it was read from."""

    files: tuple[Path, ...]
    name: str
    namespace: str
    plugin: str | None
    """The exec credential plugin, or None."""

    @property
    def path(self) -> Path:
        """The files as one path."""
        return as_path(self.files)


def as_path(files: Iterable[Path]) -> Path:
    """Return the files as one path with separators, as the client package expects them."""
    return Path(os.pathsep.join(map(str, files)))


def config_files(
    chosen: Path | None,
    environment: Mapping[str, str],
    ways: str = "Name one with --kubeconfig or KUBECONFIG.",
) -> tuple[Path, ...]:
    """Return the existing files among those that kubectl reads: --kubeconfig, else KUBECONFIG, else ~/.kube/config.

    KubeconfigError if none exists; it ends with `ways`, which says how to name one.
    """
    listed = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    candidates = [chosen] if chosen else listed or [Path("~/.kube/config")]
    found = tuple(path for entry in candidates if (path := entry.expanduser()).is_file())
    if not found:
        shown = " and ".join(str(path) for path in candidates)
        raise KubeconfigError(f"There is no kubeconfig: {shown} cannot be found. {ways}")
    return found


def context_of(files: tuple[Path, ...], wanted: str | None) -> Context:
    """Return the context `wanted`, or the current one; KubeconfigError if it is missing or cannot be used."""
    documents = [_document(path) for path in files]
    where = ", ".join(map(str, files))
    name = wanted or next(
        (str(doc["current-context"]) for doc in documents if doc.get("current-context")), ""
    )
    names = sorted({str(entry.get("name")) for doc in documents for entry in _entries(doc, "contexts")})
    if not name:
        raise KubeconfigError(
            f"The kubeconfig {where} has no current context. Choose one with --context: {_list(names)}."
        )
    context = _named(documents, "contexts", name, "context")
    if context is None:
        raise KubeconfigError(f"The kubeconfig {where} has no context {name!r}. Available: {_list(names)}.")
    cluster = _named(documents, "clusters", str(context.get("cluster", "")), "cluster")
    if not (cluster and isinstance(cluster.get("server"), str)):
        raise KubeconfigError(
            f"Context {name!r} of {where} names the cluster {context.get('cluster')!r}, which has no server."
        )
    user = _named(documents, "users", str(context.get("user", "")), "user")
    if user is None:
        raise KubeconfigError(
            f"Context {name!r} of {where} names the user {context.get('user')!r}, which is not there."
        )
    _refuse_unsupported(user, str(context["user"]))
    program = (user.get("exec") or {}).get("command")
    namespace = str(context.get("namespace") or "default")
    return Context(files=files, name=name, namespace=namespace, plugin=program)


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"The kubeconfig {path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        # The parser's own message quotes the file, which has secrets.
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise KubeconfigError(
            f"The kubeconfig {path} is not YAML{place}. Correct it, or name another one."
        ) from error
    if not isinstance(document, dict):
        raise KubeconfigError(
            f"The kubeconfig {path} is empty or no mapping. Name another one with --kubeconfig."
        )
    return document


def _entries(document: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    entries = document.get(kind)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _named(
    documents: Sequence[Mapping[str, Any]], kind: str, name: str, field: str
) -> Mapping[str, Any] | None:
    """Return the first entry with this name, as kubectl does, or None."""
    for document in documents:
        for entry in _entries(document, kind):
            if entry.get("name") == name and isinstance(entry.get(field), dict):
                found: Mapping[str, Any] = entry[field]
                return found
    return None


def _refuse_unsupported(user: Mapping[str, Any], name: str) -> None:
    """Raise KubeconfigError for settings that are not supported: ignoring them would act as another user."""
    if any(user.get(key) for key in _IMPERSONATION):
        raise KubeconfigError(
            f"The user {name!r} of the kubeconfig impersonates another user (as), which kubectl e2i does not "
            "support. Choose a context without it."
        )
    provider = (user.get("auth-provider") or {}).get("name")
    if provider and provider not in _PROVIDERS:
        raise KubeconfigError(
            f"The user {name!r} of the kubeconfig logs in by auth-provider {provider!r}, which kubectl e2i does not "
            "support. Use certificates, a token, OIDC or an exec credential plugin."
        )
    if (user.get("exec") or {}).get("provideClusterInfo"):
        raise KubeconfigError(
            f"The exec credential plugin of user {name!r} asks for provideClusterInfo, which kubectl e2i cannot "
            "give it. Use a plugin without it, a token or certificates."
        )


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
