"""Names of children: legal for Kubernetes, stable, and different for what is different."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import DIGEST, a_model

from e2i.api import naming
from e2i.api.model import Autoscaling

DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")

model_names = st.from_regex(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
versions = st.from_regex(r"[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
digests = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)


def test_names_say_the_model_and_the_digest() -> None:
    assert naming.artifact_name("churn", DIGEST) == "churn-9f3c21aa"
    assert naming.release_name("churn", "0b1d77e2") == "churn-0b1d77e2"


@given(model_names, digests)
def test_every_child_has_a_name_that_a_service_may_have(model: str, digest: str) -> None:
    assert DNS_LABEL.fullmatch(naming.artifact_name(model, digest))
    assert DNS_LABEL.fullmatch(naming.release_name(model, digest[7:15]))


def test_two_long_names_with_one_beginning_have_different_children() -> None:
    one, other = "m" * 62 + "a", "m" * 62 + "b"
    names = {naming.artifact_name(name, DIGEST) for name in (one, other, "m" * 54)}
    assert len(names) == 3
    assert all(len(name) == 63 for name in names)


def test_the_cut_of_a_long_name_leaves_no_dash_before_the_dash() -> None:
    assert "--" not in naming.artifact_name("a" * 44 + "-" + "b" * 18, DIGEST)


@given(versions, digests)
def test_an_image_version_is_a_legal_label_value(version: str, digest: str) -> None:
    made = naming.image_version(version, digest)
    assert LABEL_VALUE.fullmatch(made)
    assert made.endswith(digest[7:19])


def test_an_image_version_tells_the_bento_s_version() -> None:
    assert naming.image_version("1.4.2", DIGEST) == "1.4.2-9f3c21aa9f3c"


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({"replicas": 5}, True, id="another number of pods is the same release"),
        pytest.param({"autoscaling": Autoscaling(minimum=2, maximum=9)}, True, id="so is autoscaling"),
        pytest.param({"name": "other", "uid": "other"}, True, id="whose model it is does not matter"),
        pytest.param({"tag": "churn_model:9"}, True, id="the same content under another tag is the same"),
        pytest.param({"deadline": 10, "delay": 0, "history": 0}, True, id="how it rolls out does not matter"),
        pytest.param({"suspended": True}, True, id="suspension does not matter"),
        pytest.param({"env": (("A", "2"), ("B", "1"))}, False, id="another variable is another release"),
        pytest.param({"env": (("B", "1"), ("A", "1"))}, False, id="so is another order of variables"),
        pytest.param({"kind": "Causal"}, False, id="so is another kind of model"),
        pytest.param({"requests": (("cpu", "2"),)}, False, id="so are other resources"),
        pytest.param({"limits": (("cpu", "1"),)}, False, id="a limit is not a request"),
        pytest.param({"requests": (("cpu", "1000m"),)}, True, id="1000m is 1"),
        pytest.param({"pod": '{"nodeSelector":{"pool":"gpu"}}'}, False, id="so are other nodes"),
        pytest.param({"restart": "2026-11-21"}, False, id="so is a restart"),
    ],
)
def test_what_makes_a_release(change: dict[str, object], same: bool) -> None:
    usual: dict[str, object] = {"env": (("A", "1"), ("B", "1")), "requests": (("cpu", "1"),)}
    before, after = a_model(**usual), a_model(**usual | change)  # type: ignore[arg-type]
    assert (naming.release_of(before, DIGEST) == naming.release_of(after, DIGEST)) is same


def test_another_bento_is_another_release() -> None:
    assert naming.release_of(a_model(), DIGEST) != naming.release_of(a_model(), DIGEST[:-1] + "b")


def test_a_release_is_called_the_same_by_every_operator() -> None:
    """Changing this value would roll out every model in the world again."""
    assert naming.release_of(a_model(), DIGEST) == "0c7978e0"


def test_the_address_is_inside_the_cluster() -> None:
    assert naming.service_url(replace(a_model(), namespace="team")) == "http://churn.team.svc:3000"


def test_only_a_child_of_a_release_carries_the_release() -> None:
    assert naming.RELEASE_LABEL not in naming.labels("churn")
    assert naming.labels("churn", "0b1d77e2")[naming.RELEASE_LABEL] == "0b1d77e2"


def test_one_that_is_edited_in_place_has_the_same_name_for_ever() -> None:
    assert naming.inplace_name("churn") == "churn-inplace"
    assert len(naming.inplace_name("m" * 63)) == 63
