"""The same cluster, identity and namespace as kubectl takes; and what cannot be done is said."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from e2i import clock
from e2i.kube import KubeconfigError, login
from e2i.kube.access import Access
from e2i.kube.kubeconfig import config_files, context_of
from e2i.kube.kubeconfig_access import kubeconfig_access
from e2i.kube.login import from_context
from e2i.kube.plain_kubeconfig import plain_access
from e2i.local.certificates import ensure_certificates
from e2i.local.layout import ClusterHome

SECRET = "s3cr3t-t0k3n"


def write(folder: Path, name: str = "config", current: str | None = "one", **user: Any) -> Path:
    """A kubeconfig with the contexts one and two."""
    config = {
        "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "me", "user": user or {"token": SECRET}}],
        "contexts": [
            {"name": "one", "context": {"cluster": "here", "user": "me", "namespace": "models"}},
            {"name": "two", "context": {"cluster": "here", "user": "me"}},
            {"name": "lost", "context": {"cluster": "gone", "user": "me"}},
            {"name": "nobody", "context": {"cluster": "here", "user": "gone"}},
        ],
        **({"current-context": current} if current else {}),
    }
    file = folder / name
    file.write_text(json.dumps(config))
    return file


def test_the_current_context_gives_the_namespace(tmp_path: Path) -> None:
    context = context_of((write(tmp_path),), None)
    assert (context.name, context.namespace) == ("one", "models")
    assert context_of((write(tmp_path),), "two").namespace == "default"


def test_of_several_files_the_first_current_context_holds(tmp_path: Path) -> None:
    first, second = write(tmp_path, "first", current="two"), write(tmp_path, "second")
    files = config_files(None, {"KUBECONFIG": os.pathsep.join(["/does/not/exist", str(first), str(second)])})
    assert files == (first, second)
    assert context_of(files, None).name == "two"


def test_a_named_file_holds_before_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path)
    assert config_files(file, {"KUBECONFIG": "/other"}) == (file,)


def test_no_file_is_told_with_where_it_was_looked_for() -> None:
    with pytest.raises(
        KubeconfigError, match=r"no kubeconfig: /nowhere cannot be found. Name one with --kubeconfig"
    ):
        config_files(None, {"KUBECONFIG": "/nowhere"})


@pytest.mark.parametrize(
    ("current", "wanted", "user", "sentence"),
    [
        (None, None, {}, "no current context. Choose one with --context: lost, nobody, one, two"),
        ("one", "three", {}, "no context 'three'. Available: lost, nobody, one, two"),
        ("lost", None, {}, "names the cluster 'gone', which has no server"),
        ("nobody", None, {}, "names the user 'gone', which is not there"),
        ("one", None, {"token": SECRET, "as": "boss"}, "impersonates another user"),
        ("one", None, {"auth-provider": {"name": "azure"}}, "auth-provider 'azure'"),
        ("one", None, {"exec": {"command": "login", "provideClusterInfo": True}}, "provideClusterInfo"),
    ],
)
def test_what_cannot_be_used_is_told_without_secrets(
    tmp_path: Path, current: str | None, wanted: str | None, user: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(KubeconfigError, match=sentence) as told:
        context_of((write(tmp_path, current=current, **user),), wanted)
    assert SECRET not in told.value.message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"a: [{SECRET}", "is not YAML at line"),
        ("", "is empty or no mapping"),
        ("- 1", "is empty or no mapping"),
    ],
)
def test_a_damaged_file_is_told_without_its_content(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(KubeconfigError, match=sentence) as told:
        context_of((file,), None)
    assert SECRET not in told.value.message


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        ({"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="}, "look at its certificates"),
        ({"client-certificate": "/does/not/exist", "client-key": "/does/not/exist"}, "File does not exist"),
        ({"auth-provider": {"name": "gcp"}, "token": SECRET}, "."),
    ],
    ids=["a certificate that is none", "a certificate that is gone", "a provider without its configuration"],
)
def test_credentials_that_cannot_be_used_are_told_without_secrets(
    tmp_path: Path, user: dict[str, Any], sentence: str
) -> None:
    context = context_of((write(tmp_path, **user),), None)
    with pytest.raises(KubeconfigError, match=sentence) as told:
        asyncio.run(from_context(context))
    assert SECRET not in told.value.message
    assert "\n" not in told.value.message


def test_in_a_pod_without_a_kubeconfig_its_service_account_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "SERVICE_ACCOUNT_DIR", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert not login.is_pod(pod)
    (tmp_path / "token").write_text(SECRET)
    assert login.is_pod(pod)
    assert not login.is_pod({})
    assert not login.is_pod({**pod, "KUBECONFIG": "/some/where"})


def _plugin(code: str) -> dict[str, Any]:
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": sys.executable, "args": ["-c", code]}}


def test_an_exec_credential_plugin_gives_the_token(tmp_path: Path) -> None:
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": SECRET},
    }
    context = context_of((write(tmp_path, **_plugin(f"print({json.dumps(answer)!r})")),), None)

    async def connect() -> None:
        async with await from_context(context) as kube:
            assert await kube._access.credentials() == {"authorization": f"Bearer {SECRET}"}

    asyncio.run(connect())


def test_an_exec_credential_plugin_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    context = context_of((write(tmp_path, **_plugin("raise SystemExit('log in first')")),), None)
    with pytest.raises(
        KubeconfigError, match=r"gave no credentials: exec: process returned 1. .*log in first"
    ):
        asyncio.run(from_context(context))


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """Keys and certificates as the local cluster has them."""
    home = ClusterHome("test", 0, tmp_path)
    ensure_certificates(home, clock.wall())
    return home.pki


def as_text(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


@pytest.mark.parametrize("is_inline", [True, False], ids=["in the file", "in files beside it"])
def test_what_is_written_in_the_file_is_read_as_the_client_package_reads_it(
    tmp_path: Path, pki: Path, *, is_inline: bool
) -> None:
    identity = {"client-certificate": pki / "admin.crt", "client-key": pki / "admin.key"}
    authority = {"certificate-authority": pki / "cluster-ca.crt"}

    def said(files: dict[str, Path]) -> dict[str, str]:
        if is_inline:
            return {f"{name}-data": as_text(file) for name, file in files.items()}
        return {name: str(file.relative_to(tmp_path)) for name, file in files.items()}

    for user in (said(identity), {"token": SECRET}, {**said(identity), "token": SECRET}):
        file = write(tmp_path, **user)
        config = json.loads(file.read_text())
        config["clusters"][0]["cluster"] |= {**said(authority), "tls-server-name": "kubernetes"}
        file.write_text(json.dumps(config))
        for context in (None, "two"):
            plain, other = plain_access(file, context), asyncio.run(kubeconfig_access(file, context))
            assert plain
            assert (plain.server, plain.tls_server_name) == (other.server, other.tls_server_name)
            assert plain.tls.get_ca_certs() == other.tls.get_ca_certs() != []
            headers = [{k.lower(): v for k, v in credentials_of(each).items()} for each in (plain, other)]
            assert (
                headers[0] == headers[1] == ({"authorization": f"Bearer {SECRET}"} if "token" in user else {})
            )


def credentials_of(access: Access) -> Mapping[str, str]:
    async def ask() -> Mapping[str, str]:
        return await access.credentials()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "unusual",
    [
        {"users": {"exec": {"command": "login"}}},
        {"users": {"client-key-data": ""}},
        {"users": {"client-key": "gone"}},
        {"users": {"as": "boss"}},
        {"users": {"token": 7}},
        {"clusters": {"server": "http://127.0.0.1:1"}},
        {"clusters": {"certificate-authority": "gone"}},
        {"clusters": {"insecure-skip-tls-verify": True}},
        {"clusters": {"proxy-url": "http://127.0.0.1:2"}},
        {"contexts": {"user": "nobody"}},
    ],
    ids=str,
)
def test_everything_else_is_left_to_the_client_package(
    tmp_path: Path, pki: Path, unusual: dict[str, dict[str, Any]]
) -> None:
    file = write(
        tmp_path, **{"client-certificate": str(pki / "admin.crt"), "client-key": str(pki / "admin.key")}
    )
    config = json.loads(file.read_text())
    config["clusters"][0]["cluster"]["certificate-authority"] = str(pki / "cluster-ca.crt")
    file.write_text(json.dumps(config))
    assert plain_access(file, None)
    for kind, change in unusual.items():
        config[kind][0][kind.removesuffix("s")] |= change
    file.write_text(json.dumps(config))
    assert plain_access(file, None) is None
    file.write_text("a: [")
    assert plain_access(file, None) is None
