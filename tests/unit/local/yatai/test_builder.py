"""The builder's program: what it makes, and how it ends."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bentos import an_unpacked_bento

from e2i.local.images import ImageStore
from e2i.local.layout import ClusterHome, save_home
from e2i.local.yatai.build.__main__ import main

IMAGE = "registry.e2i.local/yatai-bentos:yatai.echo.1.0.0"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterHome:
    """A cluster's folder and a container's environment, as the node agent gives them."""
    home = ClusterHome("test", 0, tmp_path / "cluster")
    home.root.mkdir()
    save_home(home)
    monkeypatch.setenv("E2I_MOUNTS", str(tmp_path / "mounts"))
    monkeypatch.setenv("E2I_LOCAL_CLUSTER", str(home.root))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return home


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on loopback: its address and its folder."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def publish(folder: Path, bento: Path) -> str:
    with tarfile.open(folder / "echo.tar", "w") as tar:
        tar.add(bento, ".")
    return "echo.tar"


def test_a_bento_is_downloaded_and_becomes_an_image(
    tmp_path: Path, home: ClusterHome, web: tuple[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    url, folder = web
    bento = an_unpacked_bento(tmp_path / "bento", envs=[{"name": "MODE", "value": "$(HOME)"}])
    assert main(["download", "--url", f"{url}/{publish(folder, bento)}"]) == 0
    assert main(["build", "--image", IMAGE]) == 0
    image = ImageStore(home.images).find(IMAGE)
    assert image is not None
    contents = Path(image.working_dir)
    assert contents == home.image_contents / image.digest.removeprefix("sha256:")
    assert (contents / "env/docker/entrypoint.sh").stat().st_mode & 0o111
    assert image.env["BENTOML_HOST"] == "$(E2I_POD_ADDRESS)"
    assert image.env["MODE"] == "$$(HOME)"
    shown = [image.path[0] + "/python", "-c", "import sys; print(sys.prefix)"]
    prefix = subprocess.run(shown, capture_output=True, text=True, check=True).stdout.strip()
    assert prefix == image.env["VIRTUAL_ENV"]
    assert capfd.readouterr().out.splitlines()[-1] == f"registered {IMAGE}"


def test_the_same_archive_again_uses_what_is_there(
    tmp_path: Path, home: ClusterHome, web: tuple[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    url, folder = web
    archive = publish(folder, an_unpacked_bento(tmp_path / "bento"))
    for _ in range(2):
        assert main(["download", "--url", f"{url}/{archive}"]) == 0
        assert main(["build", "--image", IMAGE]) == 0
    assert "using the environment made before" in capfd.readouterr().out


def test_builds_at_once_do_not_disturb_each_other(
    tmp_path: Path, home: ClusterHome, web: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = web
    archive = publish(folder, an_unpacked_bento(tmp_path / "bento"))
    builds = []
    for number in range(3):
        monkeypatch.setenv("E2I_MOUNTS", str(tmp_path / f"mounts{number}"))
        assert main(["download", "--url", f"{url}/{archive}"]) == 0
        argv = [sys.executable, "-m", "e2i.local.yatai.build", "build", "--image", f"{IMAGE}-{number}"]
        builds.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
    for build in builds:
        output, _ = build.communicate(timeout=180)
        assert build.returncode == 0, output
    assert len(ImageStore(home.images).names()) == 3


def test_the_wheels_of_a_bento_are_installed(
    tmp_path: Path, home: ClusterHome, web: tuple[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    bento = an_unpacked_bento(tmp_path / "bento", spec=1, image=None)
    wheels = bento / "env/python/wheels"
    wheels.mkdir()
    a_wheel(wheels, "greeter", "def greet(): return 'hello'")
    (bento / "env/python/requirements.lock.txt").write_text("")
    assert main(["download", "--url", f"{web[0]}/{publish(web[1], bento)}"]) == 0
    assert main(["build", "--image", IMAGE]) == 0
    image = ImageStore(home.images).find(IMAGE)
    assert image is not None
    program = [image.path[0] + "/python", "-c", "import greeter; print(greeter.greet())"]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout == "hello\n"
    assert "installing greeter-1.0-py3-none-any.whl" in capfd.readouterr().out


def a_wheel(folder: Path, name: str, source: str) -> None:
    """Write a wheel with one module."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", source)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("gs://bucket/x.tar", "neither s3:// nor http(s)://"),
        ("file:///etc/passwd", "neither s3:// nor http(s)://"),
        ("http://127.0.0.1:1/x.tar", "cannot be read"),
    ],
)
def test_a_download_that_fails_ends_with_1(
    home: ClusterHome, capfd: pytest.CaptureFixture[str], url: str, sentence: str
) -> None:
    assert main(["download", "--url", url]) == 1
    assert sentence in capfd.readouterr().out.splitlines()[-1]


def test_a_missing_archive_is_named(
    home: ClusterHome, web: tuple[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["download", "--url", f"{web[0]}/none.tar"]) == 1
    assert (
        capfd.readouterr().out.splitlines()[-1].endswith("answered 404 File not found; correct downloadUrl")
    )


@pytest.mark.parametrize(
    ("requirements", "sentence"),
    [("no such requirement ==", "`uv pip install` ended with"), (None, "has no locked requirements")],
)
def test_a_build_that_fails_ends_with_42(
    tmp_path: Path,
    home: ClusterHome,
    web: tuple[str, Path],
    capfd: pytest.CaptureFixture[str],
    requirements: str | None,
    sentence: str,
) -> None:
    bento = an_unpacked_bento(tmp_path / "bento", requirements=requirements or "")
    if requirements is None:
        (bento / "env/python/requirements.txt").unlink()
    assert main(["download", "--url", f"{web[0]}/{publish(web[1], bento)}"]) == 0
    assert main(["build", "--image", IMAGE]) == 42
    assert sentence in capfd.readouterr().out.splitlines()[-1]
    assert ImageStore(home.images).find(IMAGE) is None


def test_a_build_without_a_cluster_ends_with_42(
    tmp_path: Path, home: ClusterHome, capfd: pytest.CaptureFixture[str]
) -> None:
    home.record.write_text(json.dumps({"name": "x"}))
    assert main(["build", "--image", IMAGE]) == 42
    assert "is damaged" in capfd.readouterr().out
