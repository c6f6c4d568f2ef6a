"""Reads a model and its children; for an unknown name it suggests near ones."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from e2i.api import naming
from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.session import Session
from e2i.kube import ApiError, Object, Resource
from e2i.kube.e2i_kinds import (
    BENTO_DEPLOYMENTS,
    BENTO_REQUESTS,
    BENTOES,
    DEPLOYMENTS,
    E2I_MODELS,
    PODS,
    SERVICES,
)

BUILD_PODS = "BuildPod"
"""A source of its own: pods of image builds have Yatai's label, not ours."""


@dataclass(frozen=True)
class Source:
    """A list of objects to read or to watch."""

    resource: Resource
    labels: str


@dataclass(frozen=True, kw_only=True)
class ModelObjects:
    """A model and its children by source, as the API server sends them."""

    model: Object
    parts: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Sentences about lists that could not be read."""


def sources(name: str) -> dict[str, Source]:
    """Return the lists that are read for the model `name` besides itself."""
    ours = f"{naming.MODEL_LABEL}={name}"
    return {
        "Service": Source(SERVICES, ours),
        "BentoRequest": Source(BENTO_REQUESTS, ours),
        "Bento": Source(BENTOES, ours),
        "BentoDeployment": Source(BENTO_DEPLOYMENTS, ours),
        "Deployment": Source(DEPLOYMENTS, ours),
        "Pod": Source(PODS, ours),
        BUILD_PODS: Source(PODS, naming.BUILD_LABEL),
    }


async def read_model(session: Session, name: str) -> Object:
    """Return the model; CommandError, with near names, if it does not exist."""
    found = await session.kube.get(E2I_MODELS, session.namespace, name)
    if found is None:
        raise await _missing(session, name)
    return found


async def read_objects(session: Session, name: str) -> ModelObjects:
    """Return the model with its children. A list that the user may not read becomes a note."""
    model = await read_model(session, name)
    wanted = sources(name)
    answers = await asyncio.gather(*(_list(session, source) for source in wanted.values()))
    parts = {
        source: tuple(answer)
        for source, answer in zip(wanted, answers, strict=True)
        if isinstance(answer, list)
    }
    notes = dict.fromkeys(answer for answer in answers if isinstance(answer, str))
    return ModelObjects(model=model, parts=parts, notes=tuple(notes))


async def read_deployments(session: Session, name: str) -> list[Object]:
    """Return the model's BentoDeployments; none if the user may not list them."""
    found = await _list(session, sources(name)["BentoDeployment"])
    return found if isinstance(found, list) else []


async def _list(session: Session, source: Source) -> list[Object] | str:
    try:
        found, _ = await session.kube.list(source.resource, session.namespace, labels=source.labels)
    except ApiError as error:
        match error.status:
            case 403:
                return f"You may not list {source.resource.plural} here: they are left out."
            case 404:
                return f"This cluster has no {source.resource.plural}: is Yatai installed?"
        raise
    return found


async def _missing(session: Session, name: str) -> CommandError:
    here, _ = await session.kube.list(E2I_MODELS, session.namespace)
    names = [model["metadata"]["name"] for model in here]
    sentence = f"There is no E2IModel {name} in namespace {session.namespace}."
    if near := difflib.get_close_matches(name, names, n=3, cutoff=0.5):
        return CommandError(f"{sentence} Did you mean {', '.join(near)}?")
    if elsewhere := await _namespaces_with(session, name):
        return CommandError(f"{sentence} It exists in {', '.join(elsewhere)}: choose one with -n.")
    if names:
        return CommandError(
            f"{sentence} Available: {', '.join(names[:10])}{f' and {len(names) - 10} more' if len(names) > 10 else ''}."
        )
    return CommandError(f"{sentence} The namespace has no models: choose another one with -n.")


async def _namespaces_with(session: Session, name: str) -> list[str]:
    """Return other namespaces with a model of that name; none if the user may not list them."""
    try:
        found, _ = await session.kube.list(E2I_MODELS, fields=f"metadata.name={name}")
    except ApiError:
        return []
    return [model["metadata"]["namespace"] for model in found][:3]
