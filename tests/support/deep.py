"""What `pytest --deep` (make test-deep) adds: tests marked deep, many more examples of each property."""

from __future__ import annotations

from hypothesis import settings

DEEP = "deep"
MANY = 20
"""Times as many examples of each property."""

# A busy machine is no reason to fail.
settings.register_profile("quick", deadline=None, print_blob=True)
settings.register_profile(DEEP, settings.get_profile("quick"), max_examples=100 * MANY)


def choose(*, deep: bool) -> None:
    """Decide for this run, before any test is imported."""
    settings.load_profile(DEEP if deep else "quick")


def is_deep() -> bool:
    return settings.get_current_profile_name() == DEEP


def examples(few: int) -> int:
    """Return the number of examples for a property that costs more than others."""
    return few * MANY if is_deep() else few
