"""The operator's image, built for real, and run on a real API server as restricted Pod Security settings run it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from deploy.programs import PROJECT, run
from support.cluster import TestCluster
from support.container_images import ACCOUNT, Image, OperatorInImage, described, need, operator_image
from support.e2e import FIRST, address, build_moody, create, place, ready
from support.load import BODY
from support.operating import apply_files, install, running, service_account
from support.running_gateway import running_gateway

import e2i

pytestmark = [
    # Minutes the first time, when a base is made of Debian packages, one minute later.
    pytest.mark.deep,
]
KEY = "e2i-key-of-a-test"
LARGEST = 190
"""MB over its base, not compressed."""
COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "ld", "as", "make", "go", "rustc", "cargo")
# Every module that the operator has imported at its start, whose compiled form is missing.
UNCOMPILED = """
import importlib, os, sys
importlib.import_module("e2i.controller.__main__").kopf_command()
modules = [getattr(module, "__cached__", None) for module in sys.modules.values()]
print([path for path in modules if path and not os.path.exists(path)])
"""


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    need("buildah", "debootstrap", "unshare", "setpriv")
    with operator_image(f"localhost/e2i-test/operator:{os.getpid()}") as built:
        yield built


@pytest.mark.api
def test_it_is_healthy_without_rights_and_with_a_root_that_is_read_only(
    image: Image, control_plane: TestCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = control_plane.own_home("starts an operator, which a cluster of somebody's own may have already")
    install(home)
    for variable in ("PYTHONPATH", "VIRTUAL_ENV"):
        monkeypatch.delenv(variable, raising=False)
    with running(OperatorInImage(image, home, tmp_path)) as operator:
        operator.check_a_life()


@pytest.mark.e2e
async def test_it_is_the_gateway_as_its_deployment_runs_it(
    image: Image, local_cluster: TestCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rights of its own service account, and the file of keys that is mounted."""
    for variable in ("PYTHONPATH", "VIRTUAL_ENV"):
        monkeypatch.delenv(variable, raising=False)
    home = local_cluster.own_home("starts a gateway with the rights of the manifests")
    build_moody(home.root / "bentoml")
    apply_files(home, PROJECT / "manifests" / "gateway" / "rbac.yaml")
    account = service_account(home, tmp_path / "account", "e2i-gateway")
    keys = [{"name": "shop", "sha256": hashlib.sha256(KEY.encode()).hexdigest(), "models": ["*"]}]
    (account / "access.yaml").write_text(yaml.safe_dump({"keys": keys}))
    deployment = yaml.safe_load((PROJECT / "manifests" / "gateway" / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = image.environment | {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(home.ports.api_server),
    }
    given = [f"{name}={value}" for name, value in variables.items()]
    command = image.entered(account, "env", *given, *container["command"])
    with_key = {"authorization": f"Bearer {KEY}"}
    async with (
        place(local_cluster) as stage,
        running_gateway(
            command=command, NAMESPACES=stage.namespace, ACCESS=f"{ACCOUNT}/access.yaml"
        ) as gateway,
    ):
        await create(stage, "led", FIRST)
        await ready(stage, "led")
        # The local cluster has no DNS of its own for what is not one of its pods.
        host = (await address(stage, "led")).removeprefix("http://").partition(":")[0]
        (image.root / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n{host} led.{stage.namespace}.svc\n")

        async def answers() -> bool:
            return (await gateway.post("/led/predict", BODY, **with_key))[0] == 200

        await gateway.until(answers)
        assert (await gateway.post("/led/predict", BODY))[0] == 401
        status = Path(f"/proc/{gateway.process.pid}/status").read_text()
        assert re.search(r"^Uid:\t65532\t65532\t65532\t65532$", status, re.MULTILINE)
        gateway.process.send_signal(signal.SIGTERM)
        assert await gateway.process.wait() == 0


def test_its_user_has_no_rights_and_can_write_to_tmp_alone(image: Image, tmp_path: Path) -> None:
    status = in_image(image, tmp_path, "cat /proc/self/status")
    assert re.search(r"^Uid:\t65532\t65532\t65532\t65532$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    written = in_image(
        image, tmp_path, "for d in / /opt/e2i /var/tmp /run /tmp; do touch $d/x && echo $d; done || true"
    )
    assert written == "/tmp\n"


def test_it_has_the_user_and_the_command_of_the_deployment(image: Image) -> None:
    deployment = yaml.safe_load((PROJECT / "manifests" / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert image.config["User"] == "65532:65532"
    assert image.config["Entrypoint"] == container["command"]


def test_its_labels_say_what_it_is_and_of_which_commit(image: Image) -> None:
    labels = image.config["Labels"]
    base = labels["org.opencontainers.image.base.name"]
    assert described(base)
    expected = {
        "title": "e2i-operator",
        "version": e2i.__version__,
        "licenses": "Apache-2.0",
        "revision": run("git", "rev-parse", "HEAD", cwd=PROJECT).strip(),
    }
    assert expected.items() <= {name.rpartition(".")[2]: text for name, text in labels.items()}.items()


def test_it_adds_little_to_its_base(image: Image) -> None:
    base = Image(image.config["Labels"]["org.opencontainers.image.base.name"], image.root).layers
    assert base.items() <= image.layers.items()
    added = (sum(image.layers.values()) - sum(base.values())) / 1e6
    assert added <= LARGEST, f"the image adds {added:.0f} MB to its base"


def test_it_has_no_compiler(image: Image, tmp_path: Path) -> None:
    found = in_image(image, tmp_path, f"for name in {' '.join(COMPILERS)}; do command -v $name; done || true")
    assert found == ""


def test_every_module_that_it_imports_is_compiled(image: Image, tmp_path: Path) -> None:
    """Nobody can write the compiled modules later: each start would compile for seconds."""
    assert in_image(image, tmp_path, f"python -P -c '{UNCOMPILED}'").strip() == "[]"


def test_its_sbom_lists_what_is_installed(image: Image) -> None:
    (packages,) = (image.root / "opt" / "e2i" / "lib").glob("python*/site-packages")
    installed = {(spelled(found.name), found.version) for found in distributions(path=[str(packages)])}
    text = (image.root / "opt" / "e2i" / "sbom.cdx.json").read_text()
    sbom = json.loads(text)
    assert sbom["bomFormat"] == "CycloneDX"
    assert {(spelled(each["name"]), each["version"]) for each in sbom["components"]} == installed
    assert ("e2i-operator", e2i.__version__) in installed
    assert (PROJECT / "dist" / f"e2i-operator-{e2i.__version__}.cdx.json").read_text() == text


def in_image(image: Image, account: Path, script: str) -> str:
    variables = [f"{name}={value}" for name, value in image.environment.items()]
    return run(*image.entered(account, "env", "-i", *variables, "sh", "-c", script))


def spelled(name: str) -> str:
    """The one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()
