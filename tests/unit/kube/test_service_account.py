"""The access of a pod: its service account's files, and the variables that every pod has."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from e2i.kube import ApiError, access
from e2i.kube.access import service_account

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_bytes(Path(certifi.where()).read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("host", "server"), [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_the_server_is_the_one_that_every_pod_is_told(mounted: Path, host: str, server: str) -> None:
    assert service_account(mounted, POD | {"KUBERNETES_SERVICE_HOST": host}).server == server


async def test_a_token_that_the_kubelet_renewed_is_sent(
    mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = service_account(mounted, POD)
    (mounted / "token").write_text("second")
    assert await found.credentials() == {"Authorization": "Bearer first"}
    monkeypatch.setattr(access, "TOKEN_READ_EVERY", 0.0)
    assert await found.credentials() == {"Authorization": "Bearer second"}


async def test_a_token_that_went_away_is_said(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = service_account(mounted, POD)
    (mounted / "token").unlink()
    monkeypatch.setattr(access, "TOKEN_READ_EVERY", 0.0)
    with pytest.raises(ApiError, match=r"credentials cannot be renewed: .*token") as caught:
        await found.credentials()
    assert caught.value.reason == "BadCredentials"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("token", None, "token"),
        ("token", "", "token is empty"),
        ("ca.crt", None, "No such file"),
        ("ca.crt", "no certificate", "service account in"),
    ],
)
def test_a_mount_that_is_not_whole_is_said(mounted: Path, file: str, content: str | None, words: str) -> None:
    (mounted / file).unlink()
    if content is not None:
        (mounted / file).write_text(content)
    with pytest.raises(ApiError, match=words) as caught:
        service_account(mounted, POD)
    assert caught.value.reason == "NoServiceAccount"


def test_a_process_outside_a_pod_is_told_which_variable_is_missing(mounted: Path) -> None:
    with pytest.raises(ApiError, match=r"KUBERNETES_SERVICE_PORT is not set"):
        service_account(mounted, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
