"""Names and versions of models and bentos. Pure.

A version is semantic (1.4.2) or a moment (20250630.142305): both can be ordered, and both are valid wherever they must
go: in BentoML, in a label of Kubernetes, in a key of a bucket.
"""

from __future__ import annotations

import re
from datetime import datetime

from e2i.packaging.errors import ErrorReason, PackagingError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}\Z")
_NUMBER = r"(0|[1-9][0-9]{0,8})"
_SEMANTIC = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-[0-9a-z]+([.-][0-9a-z]+)*)?\Z")
_MOMENT = re.compile(r"(\d{8})\.(\d{6})\Z")
MAX_VERSION_LENGTH = 40
TIME = "time"


def check_name(name: str) -> None:
    """Raise PackagingError unless `name` is safe everywhere: a-z, 0-9 and _, a letter first, at most 51."""
    if not _NAME.match(name):
        raise PackagingError(
            ErrorReason.NameUnsafe,
            f"{name[:80]!r} cannot be the name of a model: use a-z, 0-9 and _, a letter first, at most 51 characters, "
            "for instance churn_model.",
        )


def resolve_version(text: str, moment: datetime) -> str:
    """Return the version that `text` asks for: itself, or for "time" the moment (UTC) as YYYYMMDD.HHMMSS."""
    if text == TIME:
        return moment.strftime("%Y%m%d.%H%M%S")
    if len(text) <= MAX_VERSION_LENGTH and (_SEMANTIC.match(text) or _is_moment(text)):
        return text
    raise PackagingError(
        ErrorReason.VersionUnsafe,
        f"{text[:80]!r} is no version that can be ordered: write a semantic one such as 1.4.2 (in lower case, without "
        "v and +), or `time` for the present moment as YYYYMMDD.HHMMSS.",
    )


def object_name(name: str) -> str:
    """Return the Kubernetes name of the E2IModel for a bento: churn_model -> churn-model."""
    return name.replace("_", "-").replace(".", "-").strip("-")[:63]


def _is_moment(text: str) -> bool:
    match = _MOMENT.match(text)
    if not match:
        return False
    try:
        datetime.strptime(text, "%Y%m%d.%H%M%S")  # noqa: DTZ007 - only whether there is such a moment
    except ValueError:
        return False
    return True
