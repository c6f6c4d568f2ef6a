"""Reads a model and its children; and says which model was meant when there is none of that name."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from e2i.api import naming
from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.session import Session
from e2i.inspection.pod_summary import BUILD_LABEL
from e2i.kube import ApiError, Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, DEPLOYMENTS, E2I_MODELS, PODS, SERVICES

BUILD_PODS = "BuildPod"
"""Pods of image builds carry Yatai's label and not ours: they are a source of their own."""


@dataclass(frozen=True)
class Source:
    """One list to read, or to watch."""

    resource: Resource
    labels: str


@dataclass(frozen=True, kw_only=True)
class ModelObjects:
    """A model and everything made for it, as the API server sends it, by source."""

    model: Object
    parts: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What could not be read, and why."""


def sources(name: str) -> dict[str, Source]:
    """Everything that is read for the model `name` besides itself."""
    ours = f"{naming.MODEL_LABEL}={name}"
    return {
        "Service": Source(SERVICES, ours),
        "BentoRequest": Source(BENTO_REQUESTS, ours),
        "BentoDeployment": Source(BENTO_DEPLOYMENTS, ours),
        "Deployment": Source(DEPLOYMENTS, ours),
        "Pod": Source(PODS, ours),
        BUILD_PODS: Source(PODS, BUILD_LABEL),
    }


async def read_model(session: Session, name: str) -> Object:
    """The model; CommandError, with names that are near, when there is none."""
    found = await session.kube.get(E2I_MODELS, session.namespace, name)
    if found is None:
        raise await _missing(session, name)
    return found


async def read_objects(session: Session, name: str) -> ModelObjects:
    """The model with its children. What may not be read is noted, for somebody may see models only."""
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
    """The model's BentoDeployments; none where they may not be seen."""
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
        return CommandError(f"{sentence} There is one in {', '.join(elsewhere)}: choose it with -n.")
    if names:
        return CommandError(
            f"{sentence} There is: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}."
        )
    return CommandError(f"{sentence} The namespace has no model; choose another one with -n.")


async def _namespaces_with(session: Session, name: str) -> list[str]:
    """Where else a model is called so; who may not look there learns nothing."""
    try:
        found, _ = await session.kube.list(E2I_MODELS, fields=f"metadata.name={name}")
    except ApiError:
        return []
    return [model["metadata"]["namespace"] for model in found][:3]
