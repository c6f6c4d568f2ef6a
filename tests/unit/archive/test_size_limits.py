"""A bento with more bytes than the operator takes, or than its namespace may have, is refused with both numbers."""

from __future__ import annotations

import pytest

from e2i.archive.errors import BentoTooLarge
from e2i.archive.size_limits import SizeLimits

LIMITS = SizeLimits(1000, {"small": 10, "large": 5000})
BENTO = "The bento churn:1.0.0"


@pytest.mark.parametrize(("namespace", "size"), [("any", 1000), ("small", 10), ("large", 5000), ("", 1000)])
def test_as_many_bytes_as_the_limit_are_taken(namespace: str, size: int) -> None:
    LIMITS.check(BENTO, size, namespace)


def test_one_more_than_the_operator_takes_is_refused() -> None:
    with pytest.raises(BentoTooLarge) as refused:
        LIMITS.check(BENTO, 1001, "any", "model.bin")
    assert refused.value.message == (
        "The bento churn:1.0.0 has 1001 bytes, more than the 1000 of E2I_MAX_BENTO_BYTES. Its largest file is "
        "model.bin. Make it smaller, or have whoever runs the operator raise the limit."
    )


def test_the_limit_of_a_namespace_stands_in_place_of_the_operator_s() -> None:
    with pytest.raises(BentoTooLarge) as refused:
        LIMITS.check(BENTO, 11, "small")
    assert refused.value.message == (
        "The bento churn:1.0.0 has 11 bytes, more than the 10 that the namespace small may have "
        "(E2I_MAX_BENTO_BYTES_OF). Make it smaller, or have whoever runs the operator raise the limit."
    )
    with pytest.raises(BentoTooLarge, match="more than the 5000 that the namespace large may have"):
        LIMITS.check(BENTO, 5001, "large")
