from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

from e2i.local.layout import ClusterHome
from e2i.local.node.addresses import AddressPool
from e2i.local.node.setup import PodSetup


def place(tmp_path: Path, **spec: Any) -> tuple[PodSetup, Mock]:
    node = Mock(home=ClusterHome("c", 0, tmp_path), addresses=AddressPool("10.97.0.0/16"))
    return PodSetup({"metadata": {"uid": "u"}, "spec": spec}, node), node


def test_a_pod_that_has_ended_shows_its_address_but_does_not_hold_it(tmp_path: Path) -> None:
    setup, node = place(tmp_path)
    setup.address = node.addresses.take("u")
    setup.release_address()
    setup.withdraw()
    assert setup.address_shown == "10.97.0.2"
    assert node.addresses.take("other", "10.97.0.2") == "10.97.0.2"
    node.withdraw.assert_not_called()


def test_the_machines_own_address_is_never_withdrawn(tmp_path: Path) -> None:
    setup, node = place(tmp_path, hostNetwork=True)
    setup.address = "127.0.0.1"
    setup.withdraw()
    assert setup.machine_address == "127.0.0.1"
    node.withdraw.assert_not_called()
