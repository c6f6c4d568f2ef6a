"""Read the bento.yaml of a bento in a store, and refuse an incomplete one.

BentoML writes two forms: spec 2, and spec 1. Services before BentoML 1.2 have spec 1, and so have later ones that
spec 2 cannot express (`python.wheels`, conda). BentoML always writes every key, so a missing key means that the file
is incomplete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from e2i.api import plain_yaml
from e2i.api.tags import Tag
from e2i.archive.errors import BentoUnreadable
from e2i.archive.file_listing import Piece, open_listed

NAME = "bento.yaml"
_TEXTS = ("name", "version", "service", "entry_service", "bentoml_version")
_LONGEST_TEXT = 256
"""Characters. Some of them become part of other objects."""
_ALWAYS = ("name", "version", "service", "bentoml_version", "creation_time", "labels", "models")
_KEYS = {
    1: (*_ALWAYS, "runners", "apis", "docker", "python", "conda"),
    2: (*_ALWAYS, "entry_service", "services", "envs", "schema", "image"),
}
"""Keys of every bento.yaml, by its spec."""
_LAST = {
    1: ("conda", ("environment_yml", "channels", "dependencies", "pip")),
    2: ("image", ("post_commands",)),
}
"""The key that BentoML writes last, by spec, with keys that it always has."""

Description = Mapping[str, Any]


def read_description(pieces: Sequence[Piece], tag: Tag) -> Description:
    """Return the content of bento.yaml; BentoUnreadable if it is missing, incomplete or of another bento."""
    repair = f"Build {tag} again, or delete it with `bentoml delete {tag}` and import it again."
    found = next((piece for piece in pieces if piece.member.path == NAME and piece.source), None)
    if found is None:
        raise BentoUnreadable(f"The bento {tag} has no bento.yaml, as if it was copied in part. {repair}")
    text, description = _load(found, repair)
    if not text.endswith(b"\n"):
        raise BentoUnreadable(f"{found.source} is incomplete: it ends in the middle of a line. {repair}")
    if (description["name"], str(description["version"])) != (tag.name, tag.version):
        says = f"{description['name']}:{description['version']}"
        raise BentoUnreadable(f"{found.source} says that it is {says}, not {tag}. {repair}")
    spec = _spec(description)
    if spec not in _KEYS:
        raise BentoUnreadable(
            f"{found.source} is of an unknown form (spec {description.get('spec')!r}; known are 1 and 2). "
            f"Build {tag} again with BentoML 1.4."
        )
    if missing := _missing(spec, description):
        raise BentoUnreadable(f"{found.source} is incomplete: it has no {', '.join(missing[:3])}. {repair}")
    return description


def is_old_style(description: Description) -> bool:
    """Return whether the service has the style of BentoML before 1.2, with runners: then `services` is empty."""
    return description.get("spec", 1) == 1 and not description.get("services")


def _load(piece: Piece, repair: str) -> tuple[bytes, dict[str, Any]]:
    try:
        with open_listed(piece) as stream:
            text = stream.read(plain_yaml.MAX_BYTES + 1)
        return text, parse_description(text)
    except plain_yaml.YamlInvalid as invalid:
        raise BentoUnreadable(f"{piece.source} cannot be read: it {invalid}. {repair}") from invalid


def parse_description(text: bytes) -> dict[str, Any]:
    """Return the content of a bento.yaml. YamlInvalid if it is not plain YAML, or does not describe a bento."""
    value = plain_yaml.read(text)
    if not isinstance(value, dict) or not {"name", "version", "service"} <= value.keys():
        raise plain_yaml.YamlInvalid("does not describe a bento")
    for name in _TEXTS:
        if isinstance(value.get(name), list | dict) or len(str(value.get(name))) > _LONGEST_TEXT:
            raise plain_yaml.YamlInvalid(f"has no short text as its {name}")
    return value


def _spec(description: Description) -> int:
    # Bentos of BentoML before 1.4 have no field `spec`.
    spec = description.get("spec", 1)
    return spec if type(spec) is int else 0


def _missing(spec: int, description: Description) -> list[str]:
    missing = [key for key in _KEYS[spec] if key not in description]
    last, keys = _LAST[spec]
    value = description.get(last)
    if not missing:
        missing = [f"{last}.{key}" for key in keys if not (isinstance(value, dict) and key in value)]
    return missing
