"""Parses the artifact that a BentoRequest or a Bento was created for, by its annotations. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from e2i.api import naming
from e2i.api.artifact import IMAGE_SCHEME, Artifact, is_path_prefix
from e2i.api.fields import Fields
from e2i.api.image_source import parse_image
from e2i.api.plain_text import cut

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_WORD = 256
"""Bytes that are kept of a name or a version that another program wrote."""


def of_archive(identity: Mapping[str, Any], annotations: Mapping[str, str], spec: Fields) -> Artifact | None:
    """Return the artifact, or None if the annotations are damaged: another digest would be another release."""
    tag, digest = annotations.get(naming.TAG_ANNOTATION, ""), annotations.get(naming.DIGEST_ANNOTATION, "")
    if not tag or not _DIGEST.fullmatch(digest):
        return None
    artifact = Artifact(
        tag=tag,
        digest=digest,
        uri=spec.text("downloadUrl"),
        size=_count(annotations.get(naming.SIZE_ANNOTATION, "")),
        service=cut(spec.text("serviceName"), _LONGEST_WORD),
        bentoml_version=cut(spec.inside("context").text("bentomlVersion"), _LONGEST_WORD),
        path_prefix=_path_prefix(annotations),
    )
    return _named(identity, artifact)


def of_image(identity: Mapping[str, Any], annotations: Mapping[str, str], spec: Fields) -> Artifact | None:
    """Return the same for a Bento that names an image which was built elsewhere."""
    tag, digest = annotations.get(naming.TAG_ANNOTATION, ""), annotations.get(naming.DIGEST_ANNOTATION, "")
    image = annotations.get(naming.IMAGE_ANNOTATION, "")
    try:
        name = parse_image(image).name
    except ValueError:
        return None
    if not tag or not _DIGEST.fullmatch(digest):
        return None
    artifact = Artifact(
        tag=tag,
        digest=digest,
        uri=f"{IMAGE_SCHEME}{name}@{digest}",
        size=0,
        service=spec.text("serviceName"),
        path_prefix=_path_prefix(annotations),
        image=image,
    )
    return _named(identity, artifact)


def _named(identity: Mapping[str, Any], artifact: Artifact) -> Artifact | None:
    """Return the artifact if the object has the name that the operator gives to it."""
    wanted = naming.artifact_name(identity["model"], artifact.content)
    return artifact if identity["name"] == wanted else None


def _path_prefix(annotations: Mapping[str, str]) -> str:
    prefix = annotations.get(naming.PATH_PREFIX_ANNOTATION, "")
    return prefix if is_path_prefix(prefix) else ""


def _count(text: str) -> int:
    """Return the number, or 0 if a damaged annotation has none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
