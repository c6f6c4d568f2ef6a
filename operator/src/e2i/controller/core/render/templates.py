"""Fills the templates with values. A template is rendered and parsed once, so a manifest costs a copy. Pure.

The values are put into what was parsed, so no text of a user can become structure. A template says where they go, and
has no conditions: Python chooses the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml


@dataclass(frozen=True)
class _Place:
    """Where the template has a value."""

    name: str


def fill(template_version: str, template: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest. Its lists and objects are copies: it may be changed."""
    manifest: dict[str, Any] = _filled(_parsed(template_version, template), values)
    return manifest


def _filled(node: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(node, _Place):
        return _filled(values[node.name], values)
    if isinstance(node, dict):
        return {key: _filled(item, values) for key, item in node.items()}
    return [_filled(item, values) for item in node] if isinstance(node, list) else node


@cache
def _parsed(template_version: str, template: str) -> Any:
    """Return the parsed template with a `_Place` for each of its values."""
    # Here, because commands that only read what an operator wrote fill no template.
    import jinja2
    import jinja2.meta

    loader = jinja2.PackageLoader("e2i.controller")
    # The output is YAML, not HTML: `tojson` does the quoting that autoescape does for a web page.
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    environment.globals.clear()  # One of them has the name of a value: namespace.
    source, _, _ = loader.get_source(environment, f"{template_version}/{template}.yaml.j2")
    names = jinja2.meta.find_undeclared_variables(environment.parse(source))
    marks = {f"{{{{ {name} }}}}": _Place(name) for name in names}
    text = environment.from_string(source).render({place.name: mark for mark, place in marks.items()})
    return _with_places(yaml.safe_load(text), marks)


def _with_places(node: Any, marks: Mapping[str, _Place]) -> Any:
    if isinstance(node, dict):
        return {key: _with_places(item, marks) for key, item in node.items()}
    if isinstance(node, list):
        return [_with_places(item, marks) for item in node]
    return marks.get(node, node) if isinstance(node, str) else node
