"""Arithmetic on Kubernetes quantities."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2i.api import quantities

UNITS = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
written = st.builds(
    lambda number, unit: f"{number}{unit}",
    st.one_of(
        st.integers(0, 10**6),
        st.decimals(0, 1000, allow_nan=False, places=3),
    ),
    st.sampled_from(UNITS),
)


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        ("1Gi", "1073741824"),
        ("1G", "1000000000"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1E", "1000000000000000000"),
        ("12e-1", "1.2"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+1", "1"),
        ("-1Ki", "-1024"),
        ("250u", "0.00025"),
        ("7n", "0.000000007"),
    ],
)
def test_value(amount: str, value: str) -> None:
    assert quantities.value(amount) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "Gi", "1 Gi", "1gi", "1K", "1e", "1e3Mi", "\u0661", "1Gi\n", "0x10", "1,5"]
)
def test_what_is_no_quantity_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity: write for instance"):
        quantities.value(text)


@pytest.mark.parametrize("text", ["1", "1000m", "1.0", "1e0", "1000000u", "0.001k"])
def test_one_amount_has_one_text(text: str) -> None:
    assert quantities.plain(text) == "1"


@given(written)
def test_the_plain_text_is_the_same_amount(amount: str) -> None:
    assert quantities.value(quantities.plain(amount)) == quantities.value(amount)
    assert quantities.plain(quantities.plain(amount)) == quantities.plain(amount)


@pytest.mark.parametrize("exponent", ["1000000", "999999999999999999", "-999999999999999999"])
def test_a_huge_exponent_costs_no_time(exponent: str) -> None:
    assert len(quantities.plain(f"1e{exponent}")) < 120
    assert quantities.stored(f"1e{exponent}") in ("9223372036854775807", "1e-9")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1000m", "1"),
        ("1.0", "1"),
        ("0.5", "500m"),
        ("1500m", "1500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1000Mi", "1000Mi"),
        ("512", "512"),
        ("0.5Ki", "512"),
        ("1000000", "1M"),
        ("1000000Ki", "1000000Ki"),
        ("1e3", "1e3"),
        ("1000e3", "1e6"),
        ("0", "0"),
        ("0Gi", "0"),
        ("+2Gi", "2Gi"),
        ("-2048Ki", "-2Mi"),
        ("0.0000000001", "1n"),
        ("8E", "8E"),
        ("2000E", "9223372036854775807"),
        ("5000Ei", "9223372036854775807"),
    ],
)
def test_an_amount_is_written_as_the_api_server_stores_it(written: str, stored: str) -> None:
    assert quantities.stored(written) == stored
    assert quantities.stored(stored) == stored


@given(written)
def test_the_stored_text_is_the_same_amount(amount: str) -> None:
    number = quantities.value(amount)
    if number < 2**63:
        assert 0 <= quantities.value(quantities.stored(amount)) - number < 1


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        ("536870912", "512Mi"),
        ("500000000", "500000000"),
        ("1000", "1k"),
        ("1023", "1023"),
        ("1024", "1Ki"),
        ("0.0000000005", "1n"),
        ("0", "0"),
    ],
)
def test_bytes_are_counted_in_powers_of_1024(number: str, stored: str) -> None:
    assert quantities.stored_in_binary(Decimal(number)) == stored


@pytest.mark.parametrize(
    ("amount", "unit", "count"),
    [("250m", "1", 1), ("250m", "1m", 250), ("1Gi", "1Mi", 1024), ("2", "0", 2), ("1500", "1k", 2)],
)
def test_an_amount_is_counted_in_whole_units_rounded_up(amount: str, unit: str, count: int) -> None:
    assert quantities.in_units(amount, unit) == count


@pytest.mark.parametrize(
    ("amount", "factor", "product"),
    [
        ("500m", 4, "2000m"),
        ("1Gi", 4, "4Gi"),
        ("1.5Gi", 2, "3Gi"),
        ("1e3", 4, "4000"),
        ("2", 4, "8"),
        ("250", 4, "1000"),
        ("0", 4, "0"),
    ],
)
def test_times_keeps_the_unit(amount: str, factor: int, product: str) -> None:
    assert quantities.times(amount, factor) == product


@given(written, st.integers(1, 16))
def test_times_multiplies(amount: str, factor: int) -> None:
    assert quantities.value(quantities.times(amount, factor)) == quantities.value(amount) * factor


def test_times_of_no_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="'much' is not a quantity"):
        quantities.times("much", 4)
