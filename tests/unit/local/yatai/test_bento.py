"""What the builder reads from an unpacked bento, and which Python and environment follow from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bentos import an_unpacked_bento

from e2i.local.yatai.build import BuildError
from e2i.local.yatai.build.bento import read_bento
from e2i.local.yatai.build.environment import digest_of, uv_settings
from e2i.local.yatai.build.python import Python, choose_python, running_python


def test_a_bento_of_the_new_layout_is_read(tmp_path: Path) -> None:
    envs = [
        {"name": "MODE", "value": "fast"},
        {"name": "SECRET"},
        {"name": "LATER", "value": "x", "stage": "runtime"},
    ]
    image = {"python_version": "3.12", "commands": ["apt-get install", "make"], "post_commands": ["ls"]}
    bento = read_bento(an_unpacked_bento(tmp_path, envs=envs, image=image))
    assert (bento.tag, bento.python_version) == ("echo:1.0.0", "3.12")
    assert bento.requirements == "env/python/requirements.txt"
    assert bento.envs == {"MODE": "fast"}
    assert bento.commands == ("make", "ls")


def test_a_bento_of_the_old_layout_is_read(tmp_path: Path) -> None:
    docker = {"env": {"MODE": "fast"}, "system_packages": ["git", "make"], "setup_script": "./setup.sh"}
    conda = {"dependencies": ["pip"]}
    folder = an_unpacked_bento(tmp_path, spec=1, image=None, docker=docker, conda=conda)
    (folder / "env/python/requirements.lock.txt").write_text("")
    (folder / "env/python/version.txt").write_text("3.11.7\n")
    bento = read_bento(folder)
    assert (bento.requirements, bento.python_version) == ("env/python/requirements.lock.txt", "3.11.7")
    assert bento.envs == {"MODE": "fast"}
    assert bento.commands == ("apt-get install git make", "./setup.sh", "conda env update")


@pytest.mark.parametrize(
    ("requirements", "server"),
    [
        ("scikit-learn==1.3.0\nbentoml-extras==1", "bentoml==1.1.11"),
        ("", "bentoml==1.1.11"),
        ("scikit-learn==1.3.0\nbentoml==1.4.39", None),
        ("BentoML[aws]>=1.1", None),
    ],
)
def test_a_bento_whose_requirements_leave_bentoml_out_gets_the_version_that_built_it(
    tmp_path: Path, requirements: str, server: str | None
) -> None:
    folder = an_unpacked_bento(tmp_path, requirements, spec=1, bentoml_version="1.1.11")
    assert read_bento(folder).server == server


@pytest.mark.parametrize("missing", ["bento.yaml", "env/docker/Dockerfile", "env/docker/entrypoint.sh"])
def test_what_lacks_a_part_is_no_bento(tmp_path: Path, missing: str) -> None:
    (an_unpacked_bento(tmp_path) / missing).unlink()
    with pytest.raises(BuildError, match=f"has no {missing}"):
        read_bento(tmp_path)


@pytest.mark.parametrize("text", ["[", "just words", "name: echo", "\x00"])
def test_an_unreadable_bento_yaml_is_named(tmp_path: Path, text: str) -> None:
    (an_unpacked_bento(tmp_path) / "bento.yaml").write_text(text)
    with pytest.raises(BuildError, match=r"bento\.yaml"):
        read_bento(tmp_path)


def test_a_bento_without_locked_requirements_is_refused(tmp_path: Path) -> None:
    (an_unpacked_bento(tmp_path) / "env/python/requirements.txt").unlink()
    with pytest.raises(BuildError, match="no locked requirements"):
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
