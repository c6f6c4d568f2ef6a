"""The same cluster, identity and namespace as kubectl takes; and what cannot be done is said."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from e2i.kube import KubeconfigError, login
from e2i.kube.kubeconfig import config_files, context_of
from e2i.kube.login import from_context

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
