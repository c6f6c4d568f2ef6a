"""The gateway's alerts for their real reasons, and its dashboard: real gateway and Prometheus, durations divided."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
import yaml
from support.gateways import CUSTOMER
from support.monitoring.boards_inside import GATEWAY
from support.monitoring.panels import asked
from support.monitoring.selected import OF_THE_GATEWAY, every_series_is_there
from support.prometheus import Prometheus, ensure_programs
from support.running_gateway import model_server, running_gateway
from support.s3 import free_port

from e2i.gateway.core.access import key_digest

KEY = {"X-Api-Key": "the-key"}
PAUSE = 0.1
"""Seconds between two requests of a caller."""


@pytest.fixture
async def models() -> AsyncIterator[dict[str, str]]:
    """Three models by their address: one answers, one fails, one is slow."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            "sound": await stack.enter_async_context(model_server()),
            "broken": await stack.enter_async_context(model_server(status=500)),
            "slow": await stack.enter_async_context(model_server(seconds=2.0)),
        }


@pytest.fixture
def settings(models: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """It knows one key, and lets one request at a time through to a model."""
    endpoints, access = tmp_path / "endpoints.yaml", tmp_path / "access.yaml"
    endpoints.write_text(yaml.safe_dump({"models": models}))
    known = {"name": "shop", "sha256": key_digest(KEY["X-Api-Key"]), "models": ["*"]}
    access.write_text(yaml.safe_dump({"keys": [known]}))
    return {"ENDPOINTS": str(endpoints), "ACCESS": str(access), "MAX_REQUESTS": "1"}


async def test_the_alerts_of_the_gateway_fire_for_their_reasons(
    settings: dict[str, str], tmp_path: Path, say: Callable[[str], None]
) -> None:
    ensure_programs(say)
    scraped = f"127.0.0.1:{free_port()}"
    alerts = ("E2IGatewayCircuitOpen", "E2IGatewayAuthFailures", "E2IGatewaySaturated")
    async with running_gateway(METRICS_ADDRESS=scraped, **settings) as gateway:
        with Prometheus(tmp_path, [scraped]).running() as prometheus:
            callers = (("sound", KEY), ("sound", {}), ("broken", KEY), ("slow", KEY), ("slow", KEY))
            async with calling(gateway.url, callers):
                await asyncio.to_thread(prometheus.wait_for, *alerts)
                await asyncio.to_thread(every_series_is_there, prometheus, OF_THE_GATEWAY)
                await asyncio.to_thread(every_panel_shows_something, prometheus)


@contextlib.asynccontextmanager
async def calling(url: str, callers: tuple[tuple[str, dict[str, str]], ...]) -> AsyncIterator[None]:
    """Let each ask its model again and again, until the block ends."""

    async def ask(model: str, headers: dict[str, str]) -> None:
        while True:
            async with session.post(
                f"{url}/{model}/predict", json={"input_data": CUSTOMER}, headers=headers
            ) as answer:
                await answer.read()
            await asyncio.sleep(PAUSE)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        asking = [group.create_task(ask(*caller)) for caller in callers]
        yield
        for each in asking:
            each.cancel()


def every_panel_shows_something(prometheus: Prometheus) -> None:
    for panel in GATEWAY.panels:
        for query, _ in panel.queries:
            prometheus.wait(asked(query))
