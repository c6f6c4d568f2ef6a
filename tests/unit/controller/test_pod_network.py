"""Where pods are reached."""

from __future__ import annotations

import pytest

from e2i.controller.core.guard.pod_network import PodNetwork

LOCAL = "10.97.0.0/16=127.97.0.0/16"


@pytest.mark.parametrize(
    ("setting", "announced", "reached"),
    [
        pytest.param(LOCAL, "10.97.3.4", "127.97.3.4", id="a pod of the mapped network"),
        pytest.param(LOCAL, "10.98.3.4", "10.98.3.4", id="a pod of another network"),
        pytest.param(LOCAL, "fd00::3", "fd00::3", id="a pod with an address of the other family"),
        pytest.param(" fd00::/64 = fd01::/64", "fd00::3", "fd01::3", id="networks of the longer addresses"),
        pytest.param("", "10.97.3.4", "10.97.3.4", id="no mapping"),
    ],
)
def test_where_a_pod_is_reached(setting: str, announced: str, reached: str) -> None:
    assert PodNetwork.parse(setting).reach(announced) == reached


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        pytest.param("10.97.0.0/16", "does not map one network onto another", id="one network"),
        pytest.param("10.97.0.0/16=127.97.0.0/17", "different sizes", id="a smaller network"),
        pytest.param("10.97.0.0/16=fd00::/16", "different sizes", id="another family"),
        pytest.param("10.97.0.1/16=127.97.0.0/16", "host bits set", id="a host instead of a network"),
        pytest.param("pods=127.97.0.0/16", "names a network that is none", id="a word"),
    ],
)
def test_a_setting_that_cannot_be_used_says_what_to_write(setting: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        PodNetwork.parse(setting)
    assert setting in str(refused.value)
    assert LOCAL in str(refused.value)


def test_a_pod_without_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="''"):
        PodNetwork.parse(LOCAL).reach("")
