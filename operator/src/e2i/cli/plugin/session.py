"""One command's talk with one cluster: who asks, where, and every failure in one sentence."""

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
"""Of a server that is too busy to answer; seconds."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True)
class Target:
    """Which cluster and namespace the user named; None where kubectl's own choice holds."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None


@dataclass(frozen=True)
class Session:
    """An open connection, and the namespace that is meant."""

    kube: Kube
    namespace: str


def is_name(text: str) -> bool:
    """Whether an object or a namespace can be called so; anything else could lead to another path of the API."""
    return _NAME.fullmatch(text) is not None


def _checked(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value and not is_name(value):
        raise click.BadParameter(f"{value!r} is no name: lower-case letters, digits, '-' and '.'")
    return value


def with_target(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command kubectl's options for the cluster; it gets them as its first argument, a Target."""

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
    """Names of the models there are; nothing when they cannot be had: a shell has no place for sentences."""
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


def in_session(target: Target, question: Callable[[Session], Awaitable[T]]) -> T:
    """Connect, ask, and return the answer; CommandError for everything that the outside can do to us."""
    from e2i.kube import ApiError, KubeconfigError

    async def asked() -> T:
        async with _connected(target) as session:
            for _ in range(TRIES - 1):
                try:
                    return await question(session)
                except ApiError as error:
                    # It has not done anything then, and says when to come again, as kubectl does.
                    if error.status != 429:
                        raise
                    await asyncio.sleep(min(error.retry_after or 1.0, LONGEST_WAIT))
            return await question(session)

    try:
        return asyncio.run(asked())
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
