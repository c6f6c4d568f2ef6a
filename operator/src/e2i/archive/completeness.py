"""Refuses bentos that were copied in part, by what every bento has. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from e2i.api.tags import Tag
from e2i.archive.bento_yaml import Description
from e2i.archive.errors import BentoUnreadable
from e2i.archive.file_listing import Piece
from e2i.archive.members import Kind

FOLDERS = ("src", "env")


def refuse_incomplete(own: Sequence[Piece], description: Description, tag: Tag) -> None:
    """Raise BentoUnreadable if a folder that every bento has is missing or has no file, or the service's module is."""
    files = [piece.member.path for piece in own if piece.member.kind is not Kind.FOLDER]
    folders = {path.partition("/")[0] for path in files}
    missing = next((f"no file in {name}/" for name in FOLDERS if name not in folders), "")
    missing = missing or _missing_service(str(description["service"]), files)
    if missing:
        raise BentoUnreadable(
            f"The bento {tag} has {missing}, as if it was copied in part. Copy or import all of it, or build {tag} "
            "again."
        )


def _missing_service(service: str, files: Collection[str]) -> str:
    """Return the module that is missing; empty if it is there, or may be a module of an installed package.

    service:Churn      src/service.py, src/service/__init__.py or a compiled src/service.*
    service.py:Churn   src/service.py
    shop.api:Churn     src/shop/api.py, if there is anything of shop in src/; it may be installed otherwise
    """
    name = service.partition(":")[0]
    parts = PurePosixPath(name).parts if name.endswith(".py") else tuple(name.split("."))
    if not all(parts) or ".." in parts or "/" in parts:
        return ""
    path = "/".join(("src", *parts))
    if path in files or any(file.startswith((f"{path}.", f"{path}/")) for file in files):
        return ""
    is_ours = len(parts) == 1 or any(
        file.startswith((f"src/{parts[0]}/", f"src/{parts[0]}.")) for file in files
    )
    return f"no {path.removesuffix('.py')}.py, which its service {service} is in" if is_ours else ""
