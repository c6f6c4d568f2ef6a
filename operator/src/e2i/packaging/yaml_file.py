"""Reads and writes YAML files that people edit as well, with their comments and quotes. The only module that uses
ruamel.yaml."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import LiteralScalarString, PlainScalarString

from e2i.packaging.errors import ErrorReason, PackagingError

_READ_AS_BOOLEANS = {"y", "n", "yes", "no", "on", "off"}
"""Texts that kubectl reads as booleans if they have no quotes, by YAML 1.1. YAML 1.2, which is written, needs none."""
_HEAD = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*---[ \t]*(?:#[^\n]*)?\r?\n")
"""Comments and the line that begins the document, which the parser drops."""
_FLAT_LIST = re.compile(r"^( *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\r?\n(?:[ \t]*#[^\n]*\n)*\1- ", re.MULTILINE)
"""A list that begins below its key without a further indentation."""


def list_resource(file: Path, name: str) -> str:
    """Return the text of the kustomization.yaml with `name` among its resources."""
    if not file.exists():
        return dump(
            {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [name]},
        )
    return list_in(file, "resources", name)


def list_in(file: Path, field: str, entry: Any) -> str:
    """Return the text of the kustomization with `entry` in its list `field`."""
    text = read(file)
    kustomization = load(text, file)
    listed = kustomization.get(field)
    if isinstance(listed, list) and entry in listed:
        return text
    if listed is None:
        kustomization[field] = [entry]
    elif isinstance(listed, list):
        listed.append(entry)
    else:
        raise PackagingError(
            ErrorReason.ManifestUnusable, f"{field} of {file} is no list. Correct it, then try again."
        )
    return dump(kustomization, like=text)


def read(file: Path) -> str:
    """Return the text with the ends of its lines; PackagingError, which names the file, if it is none."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PackagingError(
            ErrorReason.ManifestUnusable,
            f"{file} is no text in UTF-8: {error}. Save it as UTF-8, then try again.",
        ) from error


def load(text: str, file: Path) -> Any:
    """Return the YAML object with its comments; PackagingError, which names `file`, if it is none."""
    documents = load_all(text, file)
    if len(documents) > 1:
        raise PackagingError(
            ErrorReason.ManifestUnusable,
            f"{file} has {len(documents)} documents. Give each a file of its own, then try again.",
        )
    if not documents or not isinstance(documents[0], dict):
        raise PackagingError(
            ErrorReason.ManifestUnusable,
            f"{file} holds no object of Kubernetes. Move it away, then try again.",
        )
    return documents[0]


def load_all(text: str, file: Path) -> list[Any]:
    """Return all documents of the file that are not empty; PackagingError, which names `file`, if it is no YAML."""
    try:
        return [each for each in _yaml().load_all(text) if each is not None]
    except YAMLError as error:
        reason = " ".join(str(error).split())[:300]
        raise PackagingError(
            ErrorReason.ManifestUnusable, f"{file} is no YAML: {reason}. Correct it, then try again."
        ) from error


def with_blocks(value: Any) -> Any:
    """Write JSON texts as blocks of lines, which a diff shows well."""
    if isinstance(value, CommentedMap):
        return value
    if isinstance(value, Mapping):
        return CommentedMap(
            (key, LiteralScalarString(inner) if key in ("body", "subset") else with_blocks(inner))
            for key, inner in value.items()
        )
    return [with_blocks(inner) for inner in value] if isinstance(value, list) else value


def write(file: Path, text: str) -> bool:
    """Write the file atomically if its text is another one; return whether it was. A link stays one."""
    file = file.resolve()
    content = text.encode()
    if file.exists() and file.read_bytes() == content:
        return False
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_bytes(content)
        if file.exists():
            partial.chmod(file.stat().st_mode & 0o777)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return True


def dump(value: Any, like: str = "") -> str:
    """Return the YAML text, with the comments that `load` found, and written as the text `like`: its head before
    `---`, the indentation of its lists, the ends of its lines."""
    stream = io.StringIO()
    head = _HEAD.match(like)
    has_flat_lists = bool(_FLAT_LIST.search(like))
    _yaml(has_flat_lists=has_flat_lists).dump(value, stream)
    text = stream.getvalue()
    if head:
        text = head.group() + text.removeprefix("---\n")
    text = keep_comments(like, text)
    return text.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in like else text


def keep_comments(before: str, after: str) -> str:
    """Return `after` with the comments of `before` that it lost, above the line that they stood above.

    The parser keeps a comment with what stands before it, and lets both go together.
    """
    lines, lost = after.splitlines(), _comments(before.splitlines())
    kept = {line.strip() for line in lines}
    for block, below in lost:
        places = [place for place, line in enumerate(lines) if line.strip() == below]
        if below and len(places) == 1 and not kept & set(block):
            indent = lines[places[0]][: -len(lines[places[0]].lstrip())]
            lines[places[0] : places[0]] = [f"{indent}{line}" for line in block]
    return "\n".join(lines) + "\n"


def _comments(lines: list[str]) -> list[tuple[list[str], str]]:
    """Return each block of comments with the line below it."""
    found: list[tuple[list[str], str]] = []
    block: list[str] = []
    for line in (each.strip() for each in lines):
        if line.startswith("#"):
            block.append(line)
        elif line and block:
            found.append((block, line))
            block = []
    return found


def _represent_text(representer: RoundTripRepresenter, text: str) -> ScalarNode:
    style = '"' if text.lower() in _READ_AS_BOOLEANS else None
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


RoundTripRepresenter.add_representer(str, _represent_text)


class _Constructor(RoundTripConstructor):  # type: ignore[misc]
    """Leaves yes and no as they are written: for kubectl they are booleans, and no texts that lack their quotes."""

    def construct_scalar(self, node: Any) -> Any:
        found = super().construct_scalar(node)
        is_plain = type(found) is str and node.style is None
        return PlainScalarString(found) if is_plain and found.lower() in _READ_AS_BOOLEANS else found


def _yaml(*, has_flat_lists: bool = False) -> YAML:
    yaml = YAML()
    yaml.Constructor = _Constructor
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=2 if has_flat_lists else 4, offset=0 if has_flat_lists else 2)
    return yaml
