"""The image of a bento, built by buildah, pushed to a real registry, and released by the digest that it has there."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.container_images import BENTO_BASE, Image, base_of_bentos, mounted, need
from support.s3 import free_port
from support.smallproject import write_project

from e2i import polling
from e2i.pipeline.context import Loop, Options, open_loop
from e2i.pipeline.runner import run
from e2i.pipeline.workspace import Workspace

pytestmark = pytest.mark.deep
NEEDED = ("data", "test", "train", "evaluate", "gate", "register", "build", "containerize", "push", "deploy")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LARGEST = 800
"""MB over its base, not compressed; BentoML's own image of this bento adds 1,370."""
COMPILERS = ("cc", "g++", "make", "git")
"""Programs that BentoML's own image has, for packages that must be compiled."""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Debian's docker-registry on the loopback, without TLS, and buildah's settings for it; its address."""
    need("buildah", "debootstrap", "docker-registry")
    address = f"127.0.0.1:{free_port()}"
    settings = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}}}
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump(settings | {"http": {"addr": address}}))
    (tmp_path / "registries.conf").write_text(
        f'unqualified-search-registries = ["docker.io"]\n[[registry]]\nlocation = "{address}"\ninsecure = true\n'
    )
    # The authorities that this machine trusts, for pip and for uv: a proxy on the way to the packages may have its own.
    (tmp_path / "uv.toml").write_text("system-certs = true\n")
    volumes = ["/etc/ssl/certs:/etc/ssl/certs:ro", f"{tmp_path}/uv.toml:/etc/uv/uv.toml:ro"]
    (tmp_path / "containers.conf").write_text(f"[containers]\nvolumes = {json.dumps(volumes)}\n")
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "registries.conf"))
    monkeypatch.setenv("CONTAINERS_CONF", str(tmp_path / "containers.conf"))
    monkeypatch.setenv("BUILDAH_ISOLATION", "chroot")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.com")
    with (tmp_path / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", tmp_path / "registry.yaml"], stdout=log, stderr=log
        )
    try:
        assert polling.poll(lambda: answers(address), within=60, every=0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def answers(address: str) -> bool:
    with contextlib.suppress(OSError):
        return asked(address, "/v2/")[0] == 200
    return False


def asked(address: str, path: str) -> tuple[int, str | None]:
    """Status, and the digest of what was asked for."""
    with contextlib.closing(http.client.HTTPConnection(address, timeout=60)) as connection:
        connection.request("HEAD", path, headers={"Accept": MANIFEST})
        answer = connection.getresponse()
        return answer.status, answer.headers["Docker-Content-Digest"]


def test_a_lean_image_is_pushed_and_the_model_is_released_by_its_digest(
    registry: str, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        stack.callback(subprocess.run, ["buildah", "rmi", "--force", f"{registry}/team/rain:1.0.0"])
        stack.enter_context(base_of_bentos())
        loop = built_and_pushed(tmp_path, f"{registry}/team/rain")
        judge(loop, registry, tmp_path / "staging" / "rain-model.yaml")


def judge(loop: Loop, registry: str, manifest: Path) -> None:
    name = loop.outputs("push")["image"]
    repository, _, digest = name.partition("@")
    assert repository == f"{registry}/team/rain"

    assert asked(registry, f"/v2/team/rain/manifests/{digest}") == (200, digest)
    assert yaml.safe_load(manifest.read_text())["spec"]["bento"] == {
        "tag": "rain_model:1.0.0",
        "image": name,
        "serviceName": "rain_model",
    }
    with mounted(f"{repository}:1.0.0") as image:
        added = (sum(image.layers.values()) - sum(Image(BENTO_BASE, image.root).layers.values())) / 1e6
        assert added <= LARGEST, f"the image adds {added:.0f} MB to its base"
        folders = [image.root / folder.lstrip("/") for folder in image.environment["PATH"].split(":")]
        assert [name for name in COMPILERS for folder in folders if os.path.lexists(folder / name)] == []


def built_and_pushed(tmp_path: Path, image: str) -> Loop:
    """The loop of a small project after `e2i pipeline run --image`, as far as deploy."""
    project = write_project(tmp_path / "rain", lean_image=True)
    overlay = tmp_path / "staging"
    overlay.mkdir()
    for command in ("init --quiet", "commit --quiet --allow-empty --message Begin"):
        subprocess.run(["git", *command.split()], cwd=overlay, check=True)
    Workspace(project).prepare()
    said: list[str] = []
    options = Options(store=tmp_path / "store", against="none", trial=False, image=image, overlay=overlay)
    loop = open_loop(project, options, said.append)
    run(loop, NEEDED)
    return loop
