"""Resources of the stand-in's pods: stored as the API server stores them, refused in the words of the real Yatai."""

from __future__ import annotations

import pytest

from e2i.local.yatai.errors import ReconcileError
from e2i.local.yatai.pod_template import resources_of, shared_memory


@pytest.mark.parametrize(
    ("limit", "half"),
    [
        ("1Gi", "512Mi"),
        ("4Gi", "2Gi"),
        ("1Ki", "512"),
        ("1G", "500000000"),
        ("1024Mi", "512Mi"),
        ("0", "64Mi"),
    ],
)
def test_shared_memory_is_half_of_the_memory_limit(limit: str, half: str) -> None:
    resources = resources_of({"limits": {"memory": limit}})
    assert shared_memory(resources)["emptyDir"]["sizeLimit"] == half


def test_resources_are_as_the_api_server_stores_them() -> None:
    wanted = {"limits": {"cpu": "1000m"}, "requests": {"cpu": "0.5", "custom": {"a.b/c": "1e3"}}}
    resources = resources_of(wanted)
    assert resources["limits"]["cpu"] == "1"
    assert resources["requests"] == {"cpu": "500m", "memory": "500Mi", "a.b/c": "1e3"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("abc", "quantities must match the regular expression"),
        ("1 Gi", "quantities must match the regular expression"),
        ("1..2", "unable to parse numeric part of quantity"),
        ("1GM", "unable to parse quantity's suffix"),
    ],
)
def test_what_is_no_quantity_is_refused_in_the_words_of_yatai(given: str, sentence: str) -> None:
    with pytest.raises(ReconcileError, match=f"parse limits memory quantity: {sentence}"):
        resources_of({"limits": {"memory": given}})
