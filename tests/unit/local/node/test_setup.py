from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from e2i.local.images import LocalImage
from e2i.local.layout import ClusterHome
from e2i.local.node.addresses import AddressPool
from e2i.local.node.setup import PodSetup

UID = "2203b638-4f9b-4ca6-8e9b-03fc2f4eb4fd"


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


def test_temporary_files_of_a_container_end_with_its_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BentoML's workers leave a folder each: on this machine they would stay for ever."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    image = LocalImage(name="model", digest="sha256:1", entrypoint=("serve",), working_dir="/")
    node = AsyncMock(home=ClusterHome("c", 0, tmp_path), addresses=AddressPool("10.97.0.0/16"))
    node.images, node.services = Mock(find=Mock(return_value=image)), Mock(return_value=[])
    container = {"name": "main", "image": "model"}
    pod = {"metadata": {"uid": UID, "name": "m", "namespace": "models"}, "spec": {"containers": [container]}}

    async def life() -> tuple[str, bool, bool]:
        setup = PodSetup(pod, node)
        setup.address = "10.97.0.2"
        target, *_ = await setup.target(pod, container)
        folder = Path(target.launch.env["TMPDIR"])
        there = folder.is_dir()
        await setup.remove()
        return str(folder), there, folder.exists()

    folder, there, left = asyncio.run(life())
    assert folder == str(tmp_path / "e2i-pod-2203b638")
    assert there
    assert not left
