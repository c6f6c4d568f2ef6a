"""Fields of the pods: one text for one meaning, and what is of another type is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.api import pod_fields
from e2i.api.fields import FieldInvalid, Fields

TOLERATION = {"key": "gpu", "operator": "Exists"}


def test_a_spec_without_such_fields_has_no_text() -> None:
    assert pod_fields.encode(Fields({"type": "Causal", "replicas": 3})) == ""
    assert pod_fields.decode("") == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"nodeSelector": {"a": "1", "b": "2"}}, {"nodeSelector": {"b": "2", "a": "1"}}),
        ({"nodeSelector": {}, "tolerations": [], "serviceAccountName": ""}, {}),
        ({"affinity": None}, {}),
    ],
)
def test_one_meaning_has_one_text(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert pod_fields.encode(Fields(one)) == pod_fields.encode(Fields(other))


def test_the_order_of_a_list_counts() -> None:
    texts = {
        pod_fields.encode(Fields({"tolerations": items})) for items in ([TOLERATION, {}], [{}, TOLERATION])
    }
    assert len(texts) == 2


def test_what_was_written_comes_back() -> None:
    written = {"nodeSelector": {"a": "1"}, "tolerations": [TOLERATION], "serviceAccountName": "reader"}
    assert pod_fields.decode(pod_fields.encode(Fields(written))) == written


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"nodeSelector": "gpu"}, "spec.nodeSelector is a text, not an object"),
        ({"tolerations": {}}, "spec.tolerations is an object, not a list"),
        ({"tolerations": ["gpu"]}, "spec.tolerations[0] is a text, not an object"),
        ({"serviceAccountName": 7}, "spec.serviceAccountName is a number, not a text"),
    ],
)
def test_a_field_of_another_type_is_named(spec: dict[str, Any], problem: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        pod_fields.encode(Fields(spec, "spec"))
    assert str(caught.value) == problem


def test_fields_that_are_nested_without_end_are_refused() -> None:
    nested: dict[str, Any] = {}
    for _ in range(100_000):
        nested = {"affinity": nested}
    with pytest.raises(FieldInvalid, match="affinity is nested too deep"):
        pod_fields.encode(Fields(nested, "spec"))
