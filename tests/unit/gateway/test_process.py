"""The gateway as a process: it follows its files, and ends without losing a request."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml
from support.gateways import CUSTOMER, LEAVES
from support.running_gateway import ARRIVED, LONGEST, Running, model_server, running_gateway
from support.s3 import free_port

from e2i.gateway.core.access import key_digest
from e2i.gateway.edge.cluster_models import connect
from e2i.gateway.process import listen
from e2i.gateway.settings import read_settings
from e2i.kube import ApiError

BODY = {"input_data": CUSTOMER}


@asynccontextmanager
async def running(folder: Path, models: dict[str, str], **settings: str) -> AsyncIterator[Running]:
    """A gateway in front of these models, once it is ready."""
    file = folder / "endpoints.yaml"
    file.write_text(yaml.safe_dump({"models": models}))
    async with running_gateway(ENDPOINTS=str(file), **settings) as found:
        yield found


async def test_no_request_is_lost_when_it_ends(tmp_path: Path) -> None:
    """Its callers do as a Service does: they go elsewhere when it is not ready any more."""
    async with model_server(0.02) as url, running(tmp_path, {"churn": url}, DRAIN_SECONDS="3") as gateway:
        seen: Counter[str] = Counter()
        is_ready = True

        async def caller() -> None:
            async with aiohttp.ClientSession() as session:
                while is_ready:
                    try:
                        async with session.post(f"{gateway.url}/churn/predict", json=BODY) as answer:
                            assert await answer.json() == LEAVES
                            seen[str(answer.status)] += 1
                    except aiohttp.ClientError as error:
                        seen[type(error).__name__] += 1

        async def are_answered() -> bool:
            return seen["200"] >= 100

        async def ends() -> bool:
            return await gateway.get("/readyz") == 503

        callers = [asyncio.create_task(caller()) for _ in range(20)]
        await gateway.until(are_answered)
        before = seen["200"]
        gateway.process.send_signal(signal.SIGTERM)
        await gateway.until(ends)
        # As long as a cluster may need to send requests elsewhere.
        await asyncio.sleep(1)
        is_ready = False
        async with asyncio.timeout(LONGEST):
            await asyncio.gather(*callers)
            assert await gateway.process.wait() == 0
    assert seen["200"] > before
    assert set(seen) == {"200"}


def test_an_answer_does_not_wait_until_the_caller_has_acknowledged_its_head() -> None:
    settings = read_settings({"E2I_GATEWAY_ADDRESS": f"127.0.0.1:{free_port()}"})
    with listen(settings) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_slow_request_is_answered_after_the_signal(tmp_path: Path) -> None:
    async with model_server(2.0) as url, running(tmp_path, {"churn": url}, DRAIN_SECONDS="0.1") as gateway:
        asked = asyncio.create_task(gateway.post("/churn/predict", BODY))

        async def is_under_way() -> bool:
            return bool(ARRIVED)

        ARRIVED.clear()
        await gateway.until(is_under_way)
        gateway.process.send_signal(signal.SIGTERM)
        assert await asked == (200, LEAVES)
        assert await gateway.process.wait() == 0


async def test_models_and_keys_of_files_come_and_go_without_a_restart(tmp_path: Path) -> None:
    access = tmp_path / "access.yaml"

    def let_in(*names: str) -> None:
        keys = [{"name": name, "sha256": key_digest(f"{name}-key"), "models": ["*"]} for name in names]
        access.write_text(yaml.safe_dump({"keys": keys}))

    let_in("shop")
    async with model_server() as url, running(tmp_path, {"churn": url}, ACCESS=str(access)) as gateway:
        assert (await gateway.post("/churn/predict", BODY))[0] == 401
        assert (await gateway.post("/churn/predict", BODY, **{"X-Api-Key": "shop-key"}))[0] == 200
        (tmp_path / "endpoints.yaml").write_text(yaml.safe_dump({"models": {"churn": url, "ltv": url}}))
        let_in("shop", "bank")

        async def is_known() -> bool:
            return (await gateway.post("/ltv/predict", BODY, **{"X-Api-Key": "bank-key"}))[0] == 200

        await gateway.until(is_known)
        # A file that cannot be read leaves what is in use.
        access.write_text("keys: [")
        (tmp_path / "endpoints.yaml").write_text(yaml.safe_dump({"models": {"ltv": url}}))

        async def is_gone() -> bool:
            return (await gateway.post("/churn/predict", BODY, **{"X-Api-Key": "bank-key"}))[0] == 404

        await gateway.until(is_gone)
        assert (await gateway.post("/ltv/predict", BODY, **{"X-Api-Key": "bank-key"}))[0] == 200


async def test_metrics_have_an_address_without_a_key(tmp_path: Path) -> None:
    access = tmp_path / "access.yaml"
    access.write_text(json.dumps({"keys": []}))
    address = f"127.0.0.1:{free_port()}"
    settings = {"ACCESS": str(access), "METRICS_ADDRESS": address}
    async with model_server() as url, running(tmp_path, {"churn": url}, **settings) as gateway:
        assert await gateway.get("/metrics") == 401
        async with gateway.session.get(f"http://{address}/metrics") as answer:
            assert 'e2i_gateway_models{state="Serving"} 1.0' in await answer.text()


async def test_without_a_cluster_and_a_file_it_names_what_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    with pytest.raises(
        ApiError, match=r"/nowhere cannot be found\. Name one with --kubeconfig or KUBECONFIG, or"
    ):
        await connect(tmp_path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ADDRESS": "0.0.0.0:1"}, "E2I_GATEWAY_ACCESS is not set"),
        ({"ENDPOINTS": "/nowhere.yaml"}, "E2I_GATEWAY_ENDPOINTS=/nowhere.yaml"),
        ({"ACCESS": "/nowhere.yaml"}, "E2I_GATEWAY_ACCESS=/nowhere.yaml"),
        ({"ADDRESS": "192.0.2.1:80", "ACCESS": "open"}, "E2I_GATEWAY_ADDRESS=192.0.2.1:80"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_one_sentence(settings: dict[str, str], words: str) -> None:
    variables = {f"E2I_GATEWAY_{name}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "e2i.gateway"),
        env=os.environ | {"E2I_GATEWAY_ADDRESS": f"127.0.0.1:{free_port()}"} | variables,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LONGEST):
        _, said = await process.communicate()
    assert process.returncode == 1
    lines = [line for line in said.decode().splitlines() if "WARNING" not in line]
    assert len(lines) == 1, lines
    assert words in lines[0]
