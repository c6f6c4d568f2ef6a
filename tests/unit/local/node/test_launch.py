from __future__ import annotations

from typing import Any

import pytest

from e2i.local.images import LocalImage
from e2i.local.node.launch import CreateError, Launch, command_line, plan_launch

IMAGE = LocalImage(
    name="churn:1",
    digest="sha256:1",
    working_dir="/images/churn",
    entrypoint=("serve",),
    command=("--all",),
    path=("/venv/bin",),
    env={"HOST": "$(E2I_POD_ADDRESS)", "BENTOML_PORT": "3000"},
)


def launch(container: dict[str, Any], **own: str) -> Launch:
    return plan_launch(
        container,
        IMAGE,
        inherited={"HOME": "/home/ann"},
        agent={"E2I_POD_ADDRESS": "127.97.0.2", "E2I_MOUNTS": "/pods/1/mounts"},
        links={"BENTOML_PORT": "tcp://127.96.0.9:3000"},
        own=own,
        marks={"E2I_LOCAL_CLUSTER": "/state/default"},
    )


@pytest.mark.parametrize(
    ("container", "words"),
    [
        pytest.param({}, ("serve", "--all"), id="the image says all"),
        pytest.param({"args": ["x"]}, ("serve", "x"), id="args replace the image's command only"),
        pytest.param({"command": ["run"]}, ("run",), id="command replaces both"),
        pytest.param({"command": ["run"], "args": ["x"]}, ("run", "x"), id="command and args"),
    ],
)
def test_the_words_to_run(container: dict[str, Any], words: tuple[str, ...]) -> None:
    assert command_line(container, IMAGE) == words


def test_an_image_without_a_command_cannot_be_created() -> None:
    empty = LocalImage(name="empty:1", digest="", working_dir="/")
    with pytest.raises(CreateError, match="empty:1 names no command"):
        command_line({}, empty)


def test_a_service_may_take_a_variable_of_the_image_but_not_of_the_container() -> None:
    assert launch({}).env["BENTOML_PORT"] == "tcp://127.96.0.9:3000"
    assert launch({}, BENTOML_PORT="4000").env["BENTOML_PORT"] == "4000"


def test_no_container_can_hide_from_the_sweep() -> None:
    assert launch({}, E2I_LOCAL_CLUSTER="").env["E2I_LOCAL_CLUSTER"] == "/state/default"


def test_the_image_may_refer_to_the_pods_address() -> None:
    assert launch({}).env["HOST"] == "127.97.0.2"


def test_the_images_programs_are_found_first() -> None:
    assert launch({}).env["PATH"].startswith("/venv/bin:/usr/local/sbin:")


def test_arguments_are_expanded_from_the_containers_variables() -> None:
    assert launch({"command": ["a", "$(X)$(E2I_MOUNTS)$(HOST)"]}, X="1").argv == (
        "a",
        "1/pods/1/mounts$(HOST)",
    )


@pytest.mark.parametrize(
    ("container", "folder"),
    [
        pytest.param({}, "/images/churn", id="the image's folder"),
        pytest.param({"workingDir": "src"}, "/images/churn/src", id="relative to the image's folder"),
        pytest.param({"workingDir": "/srv"}, "/srv", id="a folder of the machine"),
        pytest.param(
            {"workingDir": "/data/x", "volumeMounts": [{"mountPath": "/data", "name": "d"}]},
            "/pods/1/mounts/data/x",
            id="in a volume",
        ),
    ],
)
def test_where_a_command_starts(container: dict[str, Any], folder: str) -> None:
    assert launch(container).folder == folder
