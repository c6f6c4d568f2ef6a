"""`Bento`: a Bento that the operator made of an image which was built elsewhere. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.controller.core.children import BentoRequest


@dataclass(frozen=True, kw_only=True)
class Bento(BentoRequest):
    """Stands where a release of the operator's own bento has its BentoRequest: as one whose image is there.

    So every rule that waits for an image, goes back to one, or removes one, means it too.
    """
