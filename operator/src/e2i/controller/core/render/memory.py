"""The limit of memory that the operator writes for a release. Pure."""

from __future__ import annotations

from e2i.api import quantities

_STEP = "2Ki"
"""Half of a multiple of it is a whole number of Ki."""


def memory_limit(amount: str) -> str:
    """Return the amount, or the next larger one that yatai-deployment and the API server write alike: 1G -> 976564Ki

    yatai-deployment makes /dev/shm half as large and compares the texts. Half of 1G is 500000000 for it and 500M for
    the API server, so it would replace the Deployment again and again.
    """
    number = quantities.value(amount)
    half = quantities.stored_in_binary(number // 2)
    if number <= 0 or quantities.stored(half) == half:
        return amount
    return quantities.stored_in_binary(quantities.in_units(amount, _STEP) * quantities.value(_STEP))
