from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from e2i.local.node.environment import Sources
from e2i.local.node.volumes import MountError, make_mounts, make_volumes, volume_references


async def token(_projection: dict[str, Any]) -> str:
    return "a token"


def sources(*volumes: dict[str, Any], **objects: dict[str, bytes] | None) -> Sources:
    metadata = {"name": "p", "namespace": "models", "uid": "u", "labels": {"app": "x"}}
    found: Any = {tuple(key.split("_", 1)): value for key, value in objects.items()}
    return Sources(
        pod={"metadata": metadata, "spec": {"volumes": list(volumes), "containers": [{"name": "a"}]}},
        pod_address="",
        host_address="",
        allocatable={},
        objects=found,
    )


async def test_the_service_accounts_volume_is_complete(tmp_path: Path) -> None:
    parts = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    given = sources(
        {"name": "v", "projected": {"sources": parts}}, configMap_ca={"ca.crt": b"CA", "other": b""}
    )
    assert volume_references(given.pod) == {("configMap", "ca")}
    await make_volumes(tmp_path, given, token)
    assert {file.name: file.read_text() for file in (tmp_path / "v").iterdir()} == {
        "token": "a token",
        "ca.crt": "CA",
        "namespace": "models",
    }
    assert (tmp_path / "v" / "token").stat().st_mode & 0o077 == 0


async def test_items_choose_paths_and_modes(tmp_path: Path) -> None:
    secret = {"secretName": "s", "defaultMode": 0o400, "items": [{"key": "k", "path": "deep/file"}]}
    await make_volumes(
        tmp_path, sources({"name": "v", "secret": secret}, secret_s={"k": b"1", "l": b"2"}), token
    )
    file = tmp_path / "v" / "deep" / "file"
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"1", 0o400)
    assert not (tmp_path / "v" / "l").exists()


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"secret": {"secretName": "s"}}, 'volume "v": secret "s" not found'),
        ({"persistentVolumeClaim": {"claimName": "c"}}, "does not offer persistentVolumeClaim volumes"),
        (
            {"hostPath": {"path": "/nowhere/at/all", "type": "Directory"}},
            "/nowhere/at/all is not a directory",
        ),
    ],
)
async def test_a_volume_that_cannot_be_made_is_named(
    tmp_path: Path, volume: dict[str, Any], message: str
) -> None:
    with pytest.raises(MountError, match=message):
        await make_volumes(tmp_path, sources({"name": "v", **volume}, secret_s=None), token)


async def test_an_emptydir_keeps_what_a_container_wrote(tmp_path: Path) -> None:
    given = sources({"name": "v", "emptyDir": {}})
    await make_volumes(tmp_path, given, token)
    (tmp_path / "v" / "model").write_text("weights")
    await make_volumes(tmp_path, given, token)
    assert (tmp_path / "v" / "model").read_text() == "weights"


def test_mounts_lead_to_volumes_one_inside_the_other(tmp_path: Path) -> None:
    for name in ("outer", "inner"):
        (tmp_path / "volumes" / name).mkdir(parents=True)
    mounts = [{"name": "inner", "mountPath": "/data/in"}, {"name": "outer", "mountPath": "/data"}]
    container = {"name": "a", "volumeMounts": mounts}
    for _ in range(2):
        make_mounts(tmp_path / "mounts", tmp_path / "volumes", container, {})
    (tmp_path / "mounts" / "data" / "in" / "f").write_text("x")
    assert (tmp_path / "volumes" / "inner" / "f").read_text() == "x"


def test_a_sub_path_may_come_from_a_variable_but_not_lead_outside(tmp_path: Path) -> None:
    (tmp_path / "volumes" / "v").mkdir(parents=True)
    mount = {"name": "v", "mountPath": "/d", "subPathExpr": "$(WHO)"}
    make_mounts(tmp_path / "m", tmp_path / "volumes", {"volumeMounts": [mount]}, {"WHO": "ann"})
    assert (tmp_path / "volumes" / "v" / "ann").is_dir()
    with pytest.raises(MountError, match="leads out of the volume"):
        make_mounts(tmp_path / "m", tmp_path / "volumes", {"volumeMounts": [mount]}, {"WHO": "../../x"})
