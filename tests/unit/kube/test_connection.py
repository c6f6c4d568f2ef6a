"""Which way a connection to the API server takes, and whom it lets decide that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from e2i.kube import Kube


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """Answers every request with the address that it was asked for; its own address."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"asked": request.raw_path, "token": request.headers.get("Authorization")})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def kubeconfig(folder: Path, server: str) -> Path:
    cluster = {"name": "c", "cluster": {"server": server}}
    user = {"name": "u", "user": {"token": "secret"}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    parts = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "x"}
    file = folder / "kubeconfig"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **parts}))
    return file


async def test_a_password_in_netrc_does_not_take_the_place_of_the_token(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with await Kube.from_kubeconfig(kubeconfig(tmp_path, server)) as kube:
        assert (await kube.request("GET", "/version"))["token"] == "Bearer secret"


async def test_the_proxy_of_the_environment_is_used(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server)
    async with await Kube.from_kubeconfig(kubeconfig(tmp_path, "http://far.example:6443")) as kube:
        assert (await kube.request("GET", "/version"))["asked"] == "http://far.example:6443/version"


async def test_no_proxy_is_heeded(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with await Kube.from_kubeconfig(kubeconfig(tmp_path, server)) as kube:
        assert (await kube.request("GET", "/version"))["asked"] == "/version"
