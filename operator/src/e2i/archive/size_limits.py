"""How large a bento may be: one limit of the operator, and others for the namespaces that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from e2i.archive.errors import BentoTooLarge


@dataclass(frozen=True)
class SizeLimits:
    """Limits in bytes. Only whoever runs the operator sets them: they are no part of an E2IModel."""

    everywhere: int = 64 << 30
    of_namespaces: Mapping[str, int] = field(default_factory=dict)
    """In place of the limit everywhere; it may be more, too."""

    def check(self, what: str, size: int, namespace: str, largest: str = "") -> None:
        """Raise BentoTooLarge if what is brought for this namespace has more bytes; `largest` is its largest file."""
        limit = self.of_namespaces.get(namespace, self.everywhere)
        if size <= limit:
            return
        if namespace in self.of_namespaces:
            whose = f"the {limit} that the namespace {namespace} may have (E2I_MAX_BENTO_BYTES_OF)"
        else:
            whose = f"the {limit} of E2I_MAX_BENTO_BYTES"
        named = f" Its largest file is {largest}." if largest else ""
        raise BentoTooLarge(
            f"{what} has {size} bytes, more than {whose}.{named} Make it smaller, or have whoever runs the operator "
            "raise the limit."
        )
