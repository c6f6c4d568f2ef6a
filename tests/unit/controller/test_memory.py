"""The limit of memory that is written is one of which Yatai and the API server write the half alike."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import DIGEST, a_deployment_spec, a_model

from e2i.api import naming, quantities
from e2i.controller.core.render import manifests
from e2i.controller.core.render.memory import memory_limit


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ("1Gi", "1Gi"),
        ("1000Mi", "1000Mi"),
        ("1.5Gi", "1.5Gi"),
        ("512M", "512M"),
        ("1G", "976564Ki"),
        ("1000M", "976564Ki"),
        ("1e9", "976564Ki"),
        ("1000000000", "976564Ki"),
        ("3G", "2929688Ki"),
        ("0", "0"),
    ],
)
def test_an_amount_that_yatai_would_write_otherwise_is_rounded_up(written: str, limit: str) -> None:
    assert memory_limit(written) == limit


@given(st.integers(1, 2**42), st.sampled_from(["", "k", "M", "Ki", "Mi"]))
def test_half_of_the_limit_is_stored_as_yatai_writes_it(number: int, suffix: str) -> None:
    written = f"{number}{suffix}"
    limit = memory_limit(written)
    half = quantities.stored_in_binary(quantities.value(limit) // 2)
    assert quantities.stored(half) == half
    assert 0 <= quantities.value(limit) - quantities.value(written) < Decimal(2048)


def test_a_release_is_written_with_it_and_keeps_its_name() -> None:
    model = a_model(limits=(("memory", "1G"),), requests=(("memory", "128M"),))
    release = naming.release_of(model, DIGEST)
    spec = manifests.bento_deployment(model, a_deployment_spec(model, release))["spec"]
    assert spec["resources"]["limits"]["memory"] == "976564Ki"
    assert spec["resources"]["requests"]["memory"] == "128M"
    same = a_model(limits=(("memory", "1000M"),), requests=(("memory", "128M"),))
    assert naming.release_of(same, DIGEST) == release
