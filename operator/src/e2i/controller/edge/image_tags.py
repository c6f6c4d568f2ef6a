"""Finds the digest of an image that a spec names by a tag, where the settings allow that."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from e2i.api.artifact import IMAGE_SCHEME, Artifact
from e2i.api.conditions import Reason
from e2i.api.image_source import ImageName, parse_image
from e2i.api.problem import Problem
from e2i.controller.edge.image_registry import ImageRegistry, RegistryError
from e2i.variables import BadSetting


def is_image(reference: str) -> bool:
    """Return whether `Model.reference` means an image: churn:1.4.2@docker://registry.example/churn:1.4.2"""
    return reference.partition("@")[2].startswith(IMAGE_SCHEME)


def resolve(reference: str, registry: ImageRegistry, allowed: Collection[str]) -> Artifact | Problem:
    """Return the artifact of the image, with the digest that its tag has now. Blocks."""
    tag, _, address = reference.partition("@")
    text = address.removeprefix(IMAGE_SCHEME)
    image = parse_image(text)
    if image.registry not in allowed:
        return Problem(reason=Reason.ImageTagRefused, message=_refusal(image, text), stalled=True)
    try:
        digest = registry.digest(image)
    except RegistryError as error:
        stalled = error.reason is not Reason.RegistryUnreachable
        return Problem(reason=error.reason, message=error.message, stalled=stalled)
    uri = f"{IMAGE_SCHEME}{image.name}@{digest}"
    return Artifact(tag=tag, digest=digest, uri=uri, size=0, image=text)


def _refusal(image: ImageName, text: str) -> str:
    return (
        f"spec.bento.image is {text}, a tag, which may mean another image tomorrow. Write its digest: {image.name}"
        f"@sha256:<64 hex digits>, as `docker buildx imagetools inspect {text}` prints it. Whoever runs the operator "
        f"may allow tags of this registry: E2I_TAG_REGISTRIES={image.registry}"
    )


def read_accounts(file: Path | None) -> Mapping[str, str]:
    """Return base64 of USER:PASSWORD by host, from a config.json of docker; BadSetting if it has none."""
    if file is None:
        return {}
    try:
        auths = json.loads(file.read_text())["auths"]
        return {host: str(each["auth"]) for host, each in auths.items() if each.get("auth")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSetting(
            f"E2I_REGISTRY_AUTH={file} is no config.json of docker with auths: {type(error).__name__}; make it with "
            "`docker login`, or mount a Secret of the type kubernetes.io/dockerconfigjson"
        ) from error
