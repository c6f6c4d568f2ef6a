"""The image of a bento, built by buildah, pushed to a real registry, and released by the digest that it has there."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.container_images import base_of_bentos, mounted, need
from support.s3 import free_port
from support.smallproject import write_project

from e2i import polling
from e2i.pipeline.context import Loop, Options, open_loop
from e2i.pipeline.runner import run
from e2i.pipeline.workspace import Workspace

pytestmark = pytest.mark.deep
NEEDED = ("data", "test", "train", "evaluate", "gate", "register", "build", "containerize", "push", "deploy")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
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
    # The authorities that this machine trusts: a proxy on the way to the packages may have its own.
    (tmp_path / "containers.conf").write_text(
        '[containers]\nvolumes = ["/etc/ssl/certs:/etc/ssl/certs:ro"]\nenv = ["UV_SYSTEM_CERTS=true"]\n'
    )
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
        return headers_of(address, "/v2/").status == 200
    return False


def headers_of(address: str, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("HEAD", path, headers={"Accept": MANIFEST})
    return connection.getresponse()


def test_a_lean_image_is_pushed_and_the_model_is_released_by_its_digest(
    registry: str, tmp_path: Path
) -> None:
    loop = built_and_pushed(tmp_path, f"{registry}/team/rain")
    name = loop.outputs("push")["image"]
    repository, _, digest = name.partition("@")
    assert repository == f"{registry}/team/rain"

    known = headers_of(registry, f"/v2/team/rain/manifests/{digest}")
    assert (known.status, known.headers["Docker-Content-Digest"]) == (200, digest)

    manifest = yaml.safe_load((tmp_path / "staging" / "rain-model.yaml").read_text())
    assert manifest["spec"]["bento"] == {
        "tag": "rain_model:1.0.0",
        "image": name,
        "serviceName": "RainModel",
    }
    with mounted(f"{repository}:1.0.0") as image:
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
    with base_of_bentos():
        run(loop, NEEDED)
    return loop
