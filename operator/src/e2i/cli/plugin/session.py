"""The connection of one command: options for the cluster, retries, and errors as one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from e2i.cli.plugin.errors import CommandError, explained_error

# The API client takes half a second to import: help and completion of options do without it.
if TYPE_CHECKING:
    from e2i.kube import Kube

T = TypeVar("T")

COMPLETION_SECONDS = 3.0
TRIES = 5
LONGEST_WAIT = 5.0
"""Longest delay in seconds before the next try when the API server is busy."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True)
class Target:
    """Cluster and namespace that the user named; None means the choice of kubectl."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None


@dataclass(frozen=True)
class Session:
    """An open connection, and the namespace of the command."""

    kube: Kube
    namespace: str


def is_name(text: str) -> bool:
    """Whether `text` is a valid name; anything else could lead to another path of the API."""
    return _NAME.fullmatch(text) is not None


def _checked(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value and not is_name(value):
        raise click.BadParameter(
            f"{value!r} is not a valid name: use lower-case letters, digits, '-' and '.'"
        )
    return value


def with_target(command: Callable[..., None]) -> Callable[..., None]:
    """Add kubectl's options for the cluster to a command, which gets them as a Target, its first argument."""

    @click.option("-n", "--namespace", callback=_checked, help="Namespace.  [default: the context's]")
    @click.option("--context", help="Context of the kubeconfig.  [default: its current one]")
    @click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path),
        help="The kubeconfig.  [default: $KUBECONFIG or ~/.kube/config]",
    )
    @functools.wraps(command)
    def run(
        *arguments: Any, namespace: str | None, context: str | None, kubeconfig: Path | None, **options: Any
    ) -> None:
        command(Target(namespace, context, kubeconfig), *arguments, **options)

    return run


def complete_model(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return names of models; none on any error, because a shell cannot show it."""
    chosen = {name: context.params.get(name) for name in ("namespace", "context", "kubeconfig")}

    async def names(session: Session) -> list[str]:
        from e2i.kube.e2i_kinds import E2I_MODELS

        async with asyncio.timeout(COMPLETION_SECONDS):
            models, _ = await session.kube.list(E2I_MODELS, session.namespace)
        return [model["metadata"]["name"] for model in models]

    try:
        return [name for name in in_session(Target(**chosen), names) if name.startswith(incomplete)]
    except (CommandError, TimeoutError):
        return []


model_name = click.argument("name", callback=_checked, shell_complete=complete_model)


def in_session(target: Target, action: Callable[[Session], Awaitable[T]]) -> T:
    """Connect, run `action` and return its result; CommandError for every error of cluster and kubeconfig.

    It runs again while the API server answers that it is busy: such an answer means that nothing was done.
    """
    from e2i.kube import ApiError, KubeconfigError

    async def run() -> T:
        async with _connected(target) as session:
            for _ in range(TRIES - 1):
                try:
                    return await action(session)
                except ApiError as error:
                    if error.status != 429:
                        raise
                    await asyncio.sleep(min(error.retry_after or 1.0, LONGEST_WAIT))
            return await action(session)

    try:
        return asyncio.run(run())
    except ApiError as error:
        raise explained_error(error.status, error.reason, error.message) from error
    except KubeconfigError as error:
        raise CommandError(error.message) from error


@contextlib.asynccontextmanager
async def _connected(target: Target) -> AsyncIterator[Session]:
    from e2i.kube import kubeconfig
    from e2i.kube.login import from_context, from_pod, is_pod

    if target.kubeconfig is None and target.context is None and is_pod(os.environ):
        kube, namespace = await from_pod()
    else:
        files = kubeconfig.config_files(target.kubeconfig, os.environ)
        context = kubeconfig.context_of(files, target.context)
        kube, namespace = await from_context(context), context.namespace
    async with kube:
        yield Session(kube, target.namespace or namespace)
