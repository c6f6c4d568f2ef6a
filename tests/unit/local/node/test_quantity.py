from decimal import Decimal

import pytest

from e2i.local.node.quantity import divided, parse


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", "2"),
        ("500m", "0.5"),
        ("1Gi", "1073741824"),
        ("1.5M", "1500000"),
        ("2e3", "2000"),
        ("3n", "3e-9"),
    ],
)
def test_a_quantity_is_a_number(text: str, number: str) -> None:
    assert parse(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "a", "1Ki2", "Gi"])
def test_what_is_no_quantity_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse(text)


@pytest.mark.parametrize(
    ("value", "divisor", "shown"),
    [("250m", "1", "1"), ("250m", "1m", "250"), ("1Gi", "1Mi", "1024"), ("2", "0", "2"), ("1500", "1k", "2")],
)
def test_a_container_sees_whole_units_rounded_up(value: str, divisor: str, shown: str) -> None:
    assert divided(parse(value), divisor) == shown
