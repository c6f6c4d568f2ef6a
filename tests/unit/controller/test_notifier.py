"""Events are posted at least once, whatever the receiver, the bucket and the operator's life do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp import web
from support.model_bodies import NEW, NEW_DIGEST, NEW_TAG, churn, entry
from support.remembered import places

from e2i import clock
from e2i.api import naming
from e2i.api.conditions import timestamp
from e2i.archive.errors import BucketUnreachable
from e2i.archive.s3.bucket import Bucket
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.jobs.turns import Turns
from e2i.controller.edge.notifier import Address, Marks, Notifier

KEY = ("models", "churn")


class MemoryBucket:
    """The keys of a bucket; refuses writes while `is_away`."""

    def __init__(self) -> None:
        self.objects: set[str] = set()
        self.is_away = False

    def keys(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))

    def put_once(self, key: str, body: bytes) -> bool:
        if self.is_away:
            raise BucketUnreachable("the bucket is away")
        self.objects.add(key)
        return True


class Hook:
    """A receiver on a real socket; answers with `statuses` in turn, then with 204."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.statuses: list[int] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.events.append(await request.json())
        self.tokens.append(request.headers.get("Authorization", ""))
        status = self.statuses.pop(0) if self.statuses else 204
        return web.Response(status=status, headers={"Location": self.url} if status == 302 else None)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    received = Hook()
    app = web.Application()
    app.router.add_post("/events", received.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    received.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    yield received
    await runner.cleanup()


def cache_with(*releases: str) -> Cache:
    at = timestamp(clock.now())
    history = [entry(each, NEW_TAG, NEW_DIGEST, "Serving", servedAt=at) for each in releases]
    cache = Cache()
    cache.put(naming.KIND, churn(history=history))
    return cache


@asynccontextmanager
async def life(url: str, bucket: MemoryBucket, cache: Cache, token: str = "") -> AsyncIterator[Notifier]:
    """One life of the operator's notifier; the test does its steps."""
    marks = Marks(cast("Bucket", bucket), "team", Turns("bucket", 2))
    notifier = Notifier(cache, marks, Address(url, token))
    yield notifier
    await notifier.close()


async def test_an_event_is_posted_once_and_has_a_mark(hook: Hook) -> None:
    bucket = MemoryBucket()
    async with life(hook.url, bucket, cache_with(NEW), token="secret") as notifier:
        for _ in range(2):
            notifier.add(KEY)
            await notifier.post_next()
    assert [event["subject"] for event in hook.events] == [NEW]
    assert hook.tokens == ["Bearer secret"]
    assert bucket.objects == {f"team/notified/models/churn/{hook.events[0]['id']}"}


async def test_the_next_life_does_not_repeat_it(hook: Hook) -> None:
    bucket, cache = MemoryBucket(), cache_with(NEW)
    for _ in range(2):
        async with life(hook.url, bucket, cache) as notifier:
            notifier.add(KEY)
            await notifier.post_next()
    assert len(hook.events) == 1


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_an_event_that_is_not_taken_is_posted_again(hook: Hook, status: int) -> None:
    hook.statuses = [status]
    bucket = MemoryBucket()
    async with life(hook.url, bucket, cache_with(NEW)) as notifier:
        notifier.add(KEY)
        await notifier.post_next()
        assert bucket.objects == set()
        # The second time is due by itself.
        async with asyncio.timeout(60):
            await notifier.post_next()
    assert [event["id"] for event in hook.events] == [hook.events[0]["id"]] * 2
    assert len(bucket.objects) == 1


async def test_a_mark_that_cannot_be_written_does_not_repeat_the_event_in_this_life(hook: Hook) -> None:
    bucket = MemoryBucket()
    bucket.is_away = True
    async with life(hook.url, bucket, cache_with(NEW)) as notifier:
        notifier.add(KEY)
        await notifier.post_next()
        notifier.add(KEY)
        await notifier.post_next()
    assert len(hook.events) == 1


async def test_a_receiver_that_is_away_is_said_once_and_never_raises(
    hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "e2i")
    async with life("http://127.0.0.1:9/events", MemoryBucket(), cache_with(NEW)) as notifier:
        for _ in range(2):
            notifier.add(KEY)
            await notifier.post_next()
    assert len([record for record in caplog.records if "E2I_NOTIFY_URL" in record.message]) == 1


async def test_a_model_that_is_gone_or_has_no_news_posts_nothing(hook: Hook) -> None:
    async with life(hook.url, MemoryBucket(), Cache()) as notifier:
        notifier.add(KEY)
        await notifier.post_next()
    async with life(hook.url, MemoryBucket(), cache_with()) as notifier:
        notifier.add(KEY)
        await notifier.post_next()
    assert hook.events == []


async def test_nothing_is_remembered_of_a_model_that_is_gone(hook: Hook) -> None:
    async with life(hook.url, MemoryBucket(), cache_with(NEW)) as notifier:
        notifier.add(KEY)
        await notifier.post_next()
        assert list(places(notifier._posted, KEY[1]))
        notifier.forget(KEY)
        assert list(places(notifier._posted, KEY[1])) == []
