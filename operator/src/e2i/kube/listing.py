"""List a kind, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

from e2i.kube.connection import Connection
from e2i.kube.errors import ApiError
from e2i.kube.kinds import Object, Resource
from e2i.kube.responses import TOO_LARGE, parse_metadata, parse_version

PAGE = 250
"""Objects that are asked for at once, and the most that are in memory as JSON."""
ATTEMPTS = 3
"""Times that a list is begun: its pages are of one version, which the API server forgets after some minutes."""
EXPIRED = 410

T = TypeVar("T")


async def list_objects(
    connection: Connection,
    resource: Resource,
    namespace: str | None,
    selectors: Mapping[str, str],
    parse: Callable[[Object], T],
) -> tuple[list[T], str]:
    """Return `parse` of all objects that match, and the list's resourceVersion.

    A page is parsed before the next one is read, and nothing else of it is kept. A page that is too large is
    requested again with half as many objects. A list whose version is forgotten begins again.
    """
    left = ATTEMPTS
    while True:
        left -= 1
        parsed: list[T] = []
        try:
            async for page in _pages(connection, resource, namespace, selectors):
                parsed += [parse(_complete(resource, item)) for item in _items(resource, page)]
                version = parse_version(page.get("metadata"))
            return parsed, version
        except ApiError as error:
            if error.status != EXPIRED or not left:
                raise


async def _pages(
    connection: Connection, resource: Resource, namespace: str | None, selectors: Mapping[str, str]
) -> AsyncIterator[Object]:
    """Yield the pages of one list from its beginning."""
    limit = PAGE
    token: str | None = None
    while True:
        query = {"limit": str(limit), **selectors, **({"continue": token} if token else {})}
        try:
            page = await connection.request("GET", resource.path(namespace), query=query)
        except ApiError as error:
            if error.reason != TOO_LARGE or limit == 1:
                raise
            limit //= 2
            continue
        yield page
        before, token = token, page["metadata"].get("continue")
        if not token:
            return
        if not isinstance(token, str) or token == before:
            raise ApiError(0, "InvalidResponse", f"The list of {resource.plural} does not end.")


def whole(item: Object) -> Object:
    """Return the object as it is, for a caller that wants all of it."""
    return item


def _items(resource: Resource, page: Object) -> list[Object]:
    items = page.get("items")
    # Go writes null for an empty list.
    if not isinstance(items, list | None):
        raise ApiError(0, "InvalidResponse", f"The list of {resource.plural} has no items.")
    return items or []


def _complete(resource: Resource, item: Object) -> Object:
    """Add the fields apiVersion and kind, which the API leaves out in a list."""
    parse_metadata(item)
    item.setdefault("apiVersion", resource.api_version)
    item.setdefault("kind", resource.kind)
    return item
