"""The address of the archive that a BentoRequest is built from: it follows from tag, digest and namespace. Pure."""

from __future__ import annotations

from dataclasses import replace

from e2i.api.artifact import ArchivePlace
from e2i.api.tags import TagRefused
from e2i.controller.core.children import BentoRequest, Build


def with_address(request: BentoRequest, place: ArchivePlace, namespace: str) -> BentoRequest:
    """Return the request with the address that follows from tag and digest: what it says itself is not believed.

    What was built while all namespaces used the same archives keeps that address, and what was not built yet is
    exported again: it is not known that the archive lies where this namespace looks for it.
    """
    said = request.artifact
    if said is None or said.image:
        return request
    try:
        if place.is_earlier(said.uri, said.tag, said.digest):
            return request if request.build is Build.DONE else replace(request, artifact=None)
        uri = place.uri(said.tag, said.digest, namespace)
    except TagRefused:
        return replace(request, artifact=None)
    return replace(request, artifact=replace(said, uri=uri), is_altered=said.uri != uri)
