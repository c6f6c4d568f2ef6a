"""The builder's program: what it reads, what it makes, and how it ends."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2i.local.images import ImageStore
from e2i.local.layout import ClusterHome, save_home
from e2i.local.yatai.build import Failure
from e2i.local.yatai.build.__main__ import main
from e2i.local.yatai.build.bento import read_bento
from e2i.local.yatai.build.environment import digest_of, uv_settings
from e2i.local.yatai.build.python import Python, choose_python, running_python

IMAGE = "registry.e2i.local/yatai-bentos:yatai.echo.1.0.0"


def a_bento(
    folder: Path, requirements: str = "--index-url https://index.invalid/simple\n", **changes: Any
) -> Path:
    """An unpacked bento without packages, so that no index is asked."""
    content = {"name": "echo", "version": "1.0.0", "spec": 2, "image": {"python_version": "3"}} | changes
    for name, text in {
        "bento.yaml": yaml.safe_dump(content),
        "env/docker/Dockerfile": "FROM python",
        "env/docker/entrypoint.sh": "#!/bin/sh\n",
        "env/python/requirements.txt": requirements,
        "src/service.py": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_bento_of_the_new_layout_is_read(tmp_path: Path) -> None:
    envs = [
        {"name": "MODE", "value": "fast"},
        {"name": "SECRET"},
        {"name": "LATER", "value": "x", "stage": "runtime"},
    ]
    image = {"python_version": "3.12", "commands": ["apt-get install", "make"], "post_commands": ["ls"]}
    bento = read_bento(a_bento(tmp_path, envs=envs, image=image))
    assert (bento.tag, bento.python_version) == ("echo:1.0.0", "3.12")
    assert bento.requirements == "env/python/requirements.txt"
    assert bento.envs == {"MODE": "fast"}
    assert bento.commands == ("make", "ls")


def test_a_bento_of_the_old_layout_is_read(tmp_path: Path) -> None:
    folder = a_bento(tmp_path, spec=1, image=None)
    (folder / "env/python/requirements.lock.txt").write_text("")
    (folder / "env/python/version.txt").write_text("3.11.7\n")
    bento = read_bento(folder)
    assert (bento.requirements, bento.python_version) == ("env/python/requirements.lock.txt", "3.11.7")


@pytest.mark.parametrize("missing", ["bento.yaml", "env/docker/Dockerfile", "env/docker/entrypoint.sh"])
def test_what_lacks_a_part_is_no_bento(tmp_path: Path, missing: str) -> None:
    (a_bento(tmp_path) / missing).unlink()
    with pytest.raises(Failure, match=f"has no {missing}"):
        read_bento(tmp_path)


@pytest.mark.parametrize("text", ["[", "just words", "name: echo", "\x00"])
def test_an_unreadable_bento_yaml_is_named(tmp_path: Path, text: str) -> None:
    (a_bento(tmp_path) / "bento.yaml").write_text(text)
    with pytest.raises(Failure, match=r"bento\.yaml"):
        read_bento(tmp_path)


def test_a_bento_without_locked_requirements_is_refused(tmp_path: Path) -> None:
    (a_bento(tmp_path) / "env/python/requirements.txt").unlink()
    with pytest.raises(Failure, match="no locked requirements"):
        read_bento(tmp_path)


@pytest.mark.parametrize(
    "asked", [None, running_python().version, running_python().version.rpartition(".")[0]]
)
def test_the_running_python_serves_its_own_minor_version(asked: str | None) -> None:
    assert choose_python(asked)[0] == running_python()


def test_a_python_that_is_not_installed_is_replaced_with_a_warning() -> None:
    python, remark = choose_python("3.2")
    assert python == running_python()
    assert remark.startswith("WARNING: the bento asks for Python 3.2, which is not installed")


def test_the_same_requirements_share_an_environment_unless_they_point_into_the_bento() -> None:
    python, other = Python("/usr/bin/python3.11", "3.11.7"), Python("/usr/bin/python3.12", "3.12.1")
    first, second = Path("/contents/one"), Path("/contents/two")
    by_name = "--index-url https://index.invalid\n# why\n\nnumpy==2.0 ; python_version > '3'\nidna[all]>=3\n"
    assert digest_of(by_name, python, first) == digest_of(by_name, python, second)
    assert digest_of(by_name, python, first) != digest_of(by_name, other, first)
    for own in ("./wheels/mine.whl", "-e .", "mine @ file:///x"):
        assert digest_of(own, python, first) != digest_of(own, python, second)


@pytest.mark.parametrize(
    ("given", "index"),
    [
        ({}, None),
        ({"PIP_INDEX_URL": "https://pip.invalid"}, "https://pip.invalid"),
        (
            {"PIP_INDEX_URL": "https://pip.invalid", "UV_DEFAULT_INDEX": "https://uv.invalid"},
            "https://uv.invalid",
        ),
    ],
)
def test_pips_index_is_used_where_uv_has_none(given: dict[str, str], index: str | None) -> None:
    settings = uv_settings({"VIRTUAL_ENV": "/elsewhere"} | given)
    assert settings.get("UV_DEFAULT_INDEX") == index
    assert "VIRTUAL_ENV" not in settings


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
    bento = a_bento(tmp_path / "bento", envs=[{"name": "MODE", "value": "$(HOME)"}])
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
    archive = publish(folder, a_bento(tmp_path / "bento"))
    for _ in range(2):
        assert main(["download", "--url", f"{url}/{archive}"]) == 0
        assert main(["build", "--image", IMAGE]) == 0
    assert "using the environment made before" in capfd.readouterr().out


def test_builds_at_once_do_not_disturb_each_other(
    tmp_path: Path, home: ClusterHome, web: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = web
    archive = publish(folder, a_bento(tmp_path / "bento"))
    builds = []
    for number in range(3):
        monkeypatch.setenv("E2I_MOUNTS", str(tmp_path / f"mounts{number}"))
        assert main(["download", "--url", f"{url}/{archive}"]) == 0
        argv = [sys.executable, "-m", "e2i.local.yatai.build", "build", "--image", f"{IMAGE}-{number}"]
        builds.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
    for build in builds:
        output, _ = build.communicate(timeout=60)
        assert build.returncode == 0, output
    assert len(ImageStore(home.images).names()) == 3


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
    bento = a_bento(tmp_path / "bento", requirements=requirements or "")
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
