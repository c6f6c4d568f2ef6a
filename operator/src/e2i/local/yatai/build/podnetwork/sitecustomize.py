"""Adapt the Python programs of a bento to a node without containers and without a pod network.

There is no network namespace here and no DNS. So a program that listens on all addresses listens on the pod's own
loopback address, `localhost` with the container's port leads there, and the name of a Service leads to its cluster
address, which the pod has in a variable. There is no file system of the container's own either: the bento lies below
the user's home, often in a hidden folder, and BentoML refuses files with a hidden folder anywhere in their path.

A bento's Python loads this file when it starts: it may import only the standard library.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import socket
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

EVERYWHERE = ("", "0.0.0.0")  # noqa: S104 - programs must not listen on it
PATHS_OF_BENTOML = "bentoml._internal.utils.filesystem"


def host_for(host: Any, port: Any, variables: Mapping[str, str]) -> Any:
    """Return the address that stands for `host` here, or `host` itself if the pod's network has no such name."""
    if host == "localhost" and str(port) == variables.get("PORT"):
        return variables["E2I_POD_ADDRESS"]
    if isinstance(host, str):
        return variables.get(f"{host.upper().replace('-', '_')}_SERVICE_HOST", host)
    return host


def join(variables: Mapping[str, str]) -> None:
    """Make this process look up names and listen as if it were in the pod's network."""
    look_up, listen = socket.getaddrinfo, socket.socket.bind

    def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        return look_up(host_for(host, port, variables), port, *rest, **options)

    def bind(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET and address[0] in EVERYWHERE:
            address = (variables["E2I_POD_ADDRESS"], *address[1:])
        listen(self, address)

    socket.getaddrinfo = getaddrinfo
    socket.socket.bind = bind  # type: ignore[assignment, method-assign]


def allow_hidden_parents(resolve: Callable[..., str], bento: Path) -> Callable[..., str]:
    """Return BentoML's `resolve_user_filepath` for a bento that itself lies below a hidden folder."""

    def resolve_user_filepath(filepath: str, ctx: str | None, *rest: Any, **options: Any) -> str:
        try:
            return resolve(filepath, ctx, *rest, **options)
        except ValueError:
            path, here = Path(ctx or Path.cwd(), filepath).resolve(), Path.cwd()
            if Path(filepath).is_absolute() or not (
                here.is_relative_to(bento.resolve()) and path.is_relative_to(here)
            ):
                raise
            if any(part.startswith(".") for part in path.relative_to(bento.resolve()).parts):
                raise
            return resolve(filepath, ctx, secure=False)

    return resolve_user_filepath


class PathsFinder(importlib.abc.MetaPathFinder):
    """Changes BentoML's module for paths when it is imported, and no other module."""

    def __init__(self, bento: Path) -> None:
        self._bento = bento

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != PATHS_OF_BENTOML:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            execute = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                execute(module)
                vars(module)["resolve_user_filepath"] = allow_hidden_parents(
                    module.resolve_user_filepath, self._bento
                )

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if "E2I_POD_ADDRESS" in os.environ:
    join(os.environ)
    if "BENTO_PATH" in os.environ:
        sys.meta_path.insert(0, PathsFinder(Path(os.environ["BENTO_PATH"])))
