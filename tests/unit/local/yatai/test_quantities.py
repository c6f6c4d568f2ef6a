"""Quantities are written as the API server stores them, or drift would be seen for ever."""

from __future__ import annotations

import pytest

from e2i.local.yatai.quantities import canonical, half_in_binary


@pytest.mark.parametrize(
    ("given", "stored"),
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
        ("1e3", "1e3"),
        ("1000e3", "1e6"),
        ("0", "0"),
        ("+2Gi", "2Gi"),
        ("0.0000000001", "1n"),
    ],
)
def test_a_quantity_has_one_form(given: str, stored: str) -> None:
    assert canonical(given) == stored
    assert canonical(stored) == stored


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("abc", "quantities must match the regular expression"),
        ("", "quantities must match the regular expression"),
        ("1 Gi", "quantities must match the regular expression"),
        ("1..2", "unable to parse numeric part of quantity"),
        ("1GM", "unable to parse quantity's suffix"),
    ],
)
def test_what_is_no_quantity_is_refused_in_the_apis_words(given: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        canonical(given)


@pytest.mark.parametrize(
    ("whole", "half"), [("1Gi", "512Mi"), ("4Gi", "2Gi"), ("1Ki", "512"), ("1G", "500000000")]
)
def test_half_of_a_memory_limit_counts_in_powers_of_1024(whole: str, half: str) -> None:
    assert half_in_binary(whole) == half
