"""Images of bentos that were built elsewhere: what spec.bento.image says, and the artifact that it means. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from e2i.api.artifact import IMAGE_SCHEME, Artifact
from e2i.api.model import Model

LONGEST_NAME = 400
"""Characters of an image's name, with its tag and without its digest."""

_NAME = re.compile(
    r"[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?(?::[0-9]{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+", re.ASCII
)
_TAG = re.compile(r"[A-Za-z0-9_][-.A-Za-z0-9_]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class ImageName:
    """The name of an image: registry.example/team/churn, with a tag, a digest, or both."""

    name: str
    tag: str = ""
    digest: str = ""

    @property
    def registry(self) -> str:
        """The host of the registry, with its port: registry.example:5000"""
        return self.name.partition("/")[0]

    @property
    def repository(self) -> str:
        """The name inside of the registry: team/churn"""
        return self.name.partition("/")[2]


def parse_image(text: str) -> ImageName:
    """Parse the name of an image; ValueError says how to write it.

    registry.example/churn:1.4.2@sha256:9f… -> ImageName("registry.example/churn", "1.4.2", "sha256:9f…")
    """
    rest, at, digest = text.partition("@")
    head, _, last = rest.rpartition("/")
    last, colon, tag = last.partition(":")
    name = f"{head}/{last}"
    whole = _NAME.fullmatch(name) and len(rest) <= LONGEST_NAME and "/" in name
    if not whole or (at and not _DIGEST.fullmatch(digest)) or (colon and not _TAG.fullmatch(tag)):
        raise ValueError(
            f"{text[:160]!r} is no name of an image: write registry.example/name@sha256:<64 hex digits>"
        )
    if not at and not colon:
        raise ValueError(f"{text[:160]!r} has no digest: write {name[:160]}@sha256:<64 hex digits>")
    return ImageName(name, tag, digest)


def artifact_of_image(model: Model, digest: str) -> Artifact:
    """Return the artifact of the model's image, which has this digest."""
    return Artifact(
        tag=model.tag,
        digest=digest,
        uri=f"{IMAGE_SCHEME}{parse_image(model.image).name}@{digest}",
        size=0,
        path_prefix=model.path_prefix,
        service=model.service,
        image=model.image,
    )


def given_artifact(model: Model) -> Artifact | None:
    """Return the artifact that the spec names itself: that of an image with its digest. None for all others."""
    digest = parse_image(model.image).digest if model.image else ""
    return artifact_of_image(model, digest) if digest else None


def is_meant(model: Model, artifact: Artifact) -> bool:
    """Return whether the spec, which names an image, means this artifact.

    The tag of an image means what it meant when it was first asked for here: a tag that moved makes no release.
    """
    if not (model.image and artifact.image):
        return False
    if (artifact.path_prefix, artifact.service) != (model.path_prefix, model.service):
        return False
    given = given_artifact(model)
    return artifact.uri == given.uri if given else artifact.image == model.image
