"""The pages as HTML. Pure: no request, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, Template

from e2i.dashboard.view import counts, detail_of, row_of, rows

Body = Mapping[str, Any]


def overview(models: Iterable[Body], place: str, search: str, read_at: str) -> str:
    """Return the list of models. `place`: the namespace, or all of them, in words."""
    found = list(models)
    return _page(
        title="Models",
        rows=rows(found, search),
        counts=counts(row_of(model) for model in found),
        search=search,
        place=place,
        read_at=read_at,
    )


def model_page(model: Body, read_at: str) -> str:
    """Return the page of one model."""
    metadata = model["metadata"]
    return _page(
        title=f"{metadata['namespace']}/{metadata['name']}", detail=detail_of(model), read_at=read_at
    )


def error_page(title: str, message: str, read_at: str) -> str:
    """Return a page that says what went wrong and what to do."""
    return _page(title=title, error=message, read_at=read_at)


def _page(**values: Any) -> str:
    return _template().render({"detail": None, "error": None, **values})


@cache
def _template() -> Template:
    # Every text comes from somebody: bentos, pods, people. All of it is escaped.
    environment = Environment(loader=PackageLoader("e2i.dashboard", "."), autoescape=True, finalize=_shown)
    return environment.get_template("page.html.j2")


def _shown(value: Any) -> Any:
    """Return nothing for a field that an object does not have."""
    return "" if value is None else value
