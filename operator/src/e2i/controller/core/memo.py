"""Facts that many rules of one pass ask for, worked out once. Pure: what they follow from never changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from e2i.api.model import Model
from e2i.controller.core.observed import Observed

T = TypeVar("T")


def memo(work: Callable[[Model, Observed], T]) -> Callable[[Model, Observed], T]:
    """Keep the answer with what was observed; another model, or another observation, is worked out anew."""

    @wraps(work)
    def answer(model: Model, seen: Observed) -> T:
        asked, value = seen.derived.get(work, (None, None))
        if asked is not model:
            value = work(model, seen)
            seen.derived[work] = (model, value)
        return value  # type: ignore[no-any-return]

    return answer
