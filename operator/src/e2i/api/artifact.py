"""`Artifact`: a bento in the bucket, or an image of one that was built elsewhere."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from e2i.api.digest import archive_key, key_of_archive
from e2i.api.tags import parse_tag

IMAGE_SCHEME = "docker://"
"""How the address of an image begins, as tools for images write it."""
_NAMESPACES = "namespaces"
_PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}", re.ASCII)


def is_path_prefix(text: str) -> bool:
    """Return whether the text can be `Artifact.path_prefix`: /v1 or /team/churn"""
    return _PATH_PREFIX.fullmatch(text) is not None


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A bento in the bucket, or an image of one that was built elsewhere."""

    tag: str
    digest: str
    """sha256:<64 hex> over its files, see `api.digest`; of an image, its own digest."""
    uri: str
    """Address of the archive, s3://..., or of the image, docker://name@sha256:..."""
    size: int
    """Bytes of the archive."""
    service: str = ""
    """Name of the entry service, which Yatai records."""
    bentoml_version: str = ""
    path_prefix: str = ""
    """Path under which the service answers, health and metrics included: /v1. Empty if it answers at the root."""
    image: str = ""
    """The image as spec.bento.image has it, perhaps with a tag; empty if the bento lies in the bucket."""

    @property
    def pinned_image(self) -> str:
        """Name of the image with its digest, as pods have it; empty if the bento lies in the bucket."""
        return self.uri.removeprefix(IMAGE_SCHEME) if self.image else ""

    @property
    def content(self) -> str:
        """sha256:<64 hex> from which the names of children and the identities of releases are made.

        Of an image also where it is pulled from, and what its files would say: they decide how its pods are run
        and watched, and nothing else says them.
        """
        if not self.image:
            return self.digest
        said = " ".join((self.uri, self.path_prefix, self.service))
        return f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"


@dataclass(frozen=True)
class ArchivePlace:
    """Where in the bucket the operator keeps archives."""

    bucket: str
    prefix: str = ""
    is_shared: bool = True
    """Whether all namespaces use the same archives. If not, each has a folder of its own, and no other's archive."""

    @property
    def root(self) -> str:
        """Return what all keys of archives begin with: team/bentos/, or team/namespaces/"""
        return f"{self.prefix}/{'bentos' if self.is_shared else _NAMESPACES}/".lstrip("/")

    def folder(self, namespace: str) -> str:
        """Return what stands before bentos/ in the keys of a namespace's archives: team, or team/namespaces/risk"""
        return self.prefix if self.is_shared else f"{self.root}{namespace}"

    def uri(self, tag: str, digest: str, namespace: str) -> str:
        """Return the only address that the archive has for this namespace; TagRefused if the tag is not exact."""
        return f"s3://{self.bucket}/{archive_key(parse_tag(tag), digest, self.folder(namespace))}"

    def is_earlier(self, uri: str, tag: str, digest: str) -> bool:
        """Return whether this is where the archive lay while all namespaces used the same archives."""
        return (
            not self.is_shared
            and uri == f"s3://{self.bucket}/{archive_key(parse_tag(tag), digest, self.prefix)}"
        )

    def key(self, uri: str, namespace: str) -> str | None:
        """Return the key of an archive; None if no archive of this namespace has the address."""
        return key_of_archive(uri, self.bucket, self.folder(namespace))
