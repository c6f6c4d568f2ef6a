"""A watch survives whatever a server sends, and does not hammer it: how long it waits is watched, not waited for."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from support.rawserver import HANG, Request, http, ok, running, stream

from e2i.kube import Change, Listed, Quiet, Resource, Snapshot
from e2i.kube.watching import Backoff, follow

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
LIST = {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "a", "resourceVersion": "3"}}]}


def widget(name: str, version: str) -> dict[str, Any]:
    return {"kind": "Widget", "metadata": {"name": name, "resourceVersion": version}}


def event(kind: str, name: str, version: str) -> dict[str, Any]:
    return {"type": kind, "object": widget(name, version)}


def bookmark(version: str) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"kind": "Widget", "metadata": {"resourceVersion": version}}}


def server(*streams: bytes) -> Callable[[Request], bytes]:
    """Lists LIST; the streams come one after the other, and then none that says anything."""
    left = iter(streams)
    return lambda request: next(left, stream() + HANG) if request.query.get("watch") else ok(LIST)


class Pauses(list[float]):
    """Notes how long a wait would be, and ends the watch after the last one."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        if len(self) == self.last:
            raise asyncio.CancelledError


async def seen(answer: Callable[[Request], bytes], pauses: Pauses) -> tuple[list[str], list[Request]]:
    """What a watch yields and asks for until it has paused that often."""
    found: list[str] = []
    async with running(answer) as (raw, kube):
        try:
            async for news in follow(kube, WIDGETS, "ns", {}, pauses):
                match news:
                    case Snapshot(objects=objects):
                        found.append("=" + ",".join(item["metadata"]["name"] for item in objects))
                    case Change(type=kind, object=body):
                        found.append(f"{kind[0]}{body['metadata']['name']}")
        except asyncio.CancelledError:
            pass
    return found, raw.requests


async def test_changes_follow_the_list_and_a_stream_that_ends_goes_on_from_the_last_version() -> None:
    first = stream(event("ADDED", "b", "8"), event("MODIFIED", "b", "9"))
    found, requests = await seen(server(first, stream(event("DELETED", "b", "10"))), Pauses(2))
    assert found == ["=a", "Ab", "Mb", "Db"]
    assert [request.query.get("resourceVersion") for request in requests] == [None, "7", "9"]


async def test_a_bookmark_moves_the_version_and_says_nothing() -> None:
    found, requests = await seen(server(stream(bookmark("40"))), Pauses(1))
    assert found == ["=a"]
    found, requests = await seen(server(stream(bookmark("40")), stream(event("ADDED", "b", "41"))), Pauses(2))
    assert found == ["=a", "Ab"]
    assert requests[-1].query["resourceVersion"] == "40"


GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}


@pytest.mark.parametrize(
    "line",
    [
        GONE,
        {"type": "ERROR", "object": None},
        {"type": "ERROR", "object": {"code": "410"}},
        {"type": "ERROR"},
        "garbage\n",
        "null\n",
        "[]\n",
        "{}\n",
        '{"type": "ADDED"}\n',
        '{"type": "ADDED", "object": {"metadata": {}}}\n',
        '{"type": "ADDED", "object": {"metadata": {"name": "x"}}}\n',
        '{"type": "BOOKMARK", "object": {}}\n',
        '{"type": "BOOKMARK", "object": 3}\n',
        '{"type": ["ADDED"], "object": {"metadata": {"name": "x", "resourceVersion": "9"}}}\n',
        '{"type": "SOMETHING", "object": {"metadata": {"name": "x", "resourceVersion": "9"}}}\n',
        b"\xff\xfe\xfd\n",
        "[" * 100_000 + "\n",
    ],
    ids=lambda line: json.dumps(line) if isinstance(line, dict) else repr(line[:40]),
)
async def test_after_what_cannot_be_understood_everything_is_listed_again(
    line: bytes | str | dict[str, Any],
) -> None:
    found, requests = await seen(server(stream(event("ADDED", "b", "8"), line), stream()), Pauses(2))
    assert found == ["=a", "Ab", "=a"]
    assert [bool(request.query.get("watch")) for request in requests] == [False, True, False, True]


@pytest.mark.parametrize("older", [event("ADDED", "c", "6"), bookmark("6")], ids=["event", "bookmark"])
async def test_after_a_version_older_than_the_last_one_everything_is_listed_again(
    older: dict[str, Any],
) -> None:
    """etcd came back from a backup: what the API server tells from now on belongs to an earlier history."""
    found, requests = await seen(server(stream(event("ADDED", "b", "8"), older), stream()), Pauses(2))
    assert found == ["=a", "Ab", "=a"]
    assert [bool(request.query.get("watch")) for request in requests] == [False, True, False, True]


@pytest.mark.parametrize(("newest", "lists"), [("6", 2), ("7", 1), ("9", 1)])
async def test_a_stream_without_a_word_is_compared_with_the_newest_version(
    newest: str, lists: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API server that came back from a backup accepts a watch from a version to come, and sends nothing."""
    monkeypatch.setattr("e2i.kube.watching.SILENCE", 0.05)
    monkeypatch.setattr("e2i.kube.watching.STEADY", 0.0)

    def answer(request: Request) -> bytes:
        if request.query.get("watch"):
            return stream() + HANG
        return ok(LIST | {"metadata": {"resourceVersion": newest}} if request.query["limit"] == "1" else LIST)

    found, requests = await seen(answer, Pauses(2))
    assert found[0] == "=a"
    assert [request.query["limit"] for request in requests if "limit" in request.query].count("250") == lists


async def test_half_a_line_at_the_end_is_no_event() -> None:
    half = json.dumps(event("ADDED", "c", "9"))[:30]
    found, _ = await seen(server(stream(event("ADDED", "b", "8"), half)), Pauses(1))
    assert found == ["=a", "Ab"]


async def test_empty_lines_are_nothing() -> None:
    found, _ = await seen(server(stream("\n\r\n", event("ADDED", "b", "8"), "\n")), Pauses(1))
    assert found == ["=a", "Ab"]


async def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2i.kube.watching.MAX_LINE", 1000)
    found, _ = await seen(server(stream("x" * 100_000), stream()), Pauses(2))
    assert found == ["=a", "=a"]


async def test_a_stream_that_is_cut_is_followed_by_a_list() -> None:
    line = json.dumps(event("ADDED", "b", "8")) + "\n"
    found, _ = await seen(server(http("200 OK", line, length=9000), stream()), Pauses(2))
    assert found == ["=a", "Ab", "=a"]


async def test_a_stream_that_falls_silent_goes_on_from_the_last_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("e2i.kube.watching.SILENCE", 0.05)
    silent = stream(event("ADDED", "b", "8")) + HANG
    found, requests = await seen(server(silent, stream(event("ADDED", "c", "9"))), Pauses(2))
    assert found == ["=a", "Ab", "Ac"]
    assert requests[-1].query["resourceVersion"] == "8"


async def test_a_watch_without_changes_shows_that_it_is_at_work() -> None:
    async with running(server(stream(bookmark("40")), stream())) as (_, kube):
        news = kube.track(WIDGETS, lambda item: item)
        found = [type(await anext(news)) for _ in range(4)]
    assert found == [Listed, Quiet, Quiet, Quiet], "a bookmark, and the ends of two streams"


def within(pauses: list[float], *most: float) -> bool:
    """Whether each pause is between half of what it may be at most and all of that."""
    return len(pauses) == len(most) and all(
        high / 2 <= pause <= high for pause, high in zip(pauses, most, strict=True)
    )


DOUBLED = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0)


async def test_streams_that_end_at_once_are_asked_for_more_and_more_seldom() -> None:
    pauses = Pauses(10)
    _, requests = await seen(server(*[stream()] * 20), pauses)
    assert within(pauses, *DOUBLED)
    assert len(requests) == 1 + 10


async def test_streams_that_end_after_one_event_are_no_better() -> None:
    pauses = Pauses(10)
    await seen(server(*[stream(event("MODIFIED", "a", str(version))) for version in range(8, 30)]), pauses)
    assert within(pauses, *DOUBLED)


FORBIDDEN = http("403 Forbidden", json.dumps({"reason": "Forbidden", "message": "you may not watch"}))


@pytest.mark.parametrize(
    "refused",
    [FORBIDDEN, http("429 Too Many Requests", b"", "Retry-After: 0"), http("404 Not Found", b"no"), b""],
)
async def test_a_watch_that_is_refused_is_asked_for_more_and_more_seldom(refused: bytes) -> None:
    pauses = Pauses(10)
    _, requests = await seen(server(*[refused] * 20), pauses)
    assert within(pauses, *DOUBLED)
    # The client itself asks once more when nothing at all is answered.
    assert len(requests) == (30 if refused == b"" else 20)


async def test_a_list_that_is_refused_is_asked_for_more_and_more_seldom() -> None:
    pauses = Pauses(10)
    found, requests = await seen(lambda _: FORBIDDEN, pauses)
    assert within(pauses, *DOUBLED)
    assert (found, len(requests)) == ([], 10)


async def test_a_refusal_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "e2i.kube")
    await seen(lambda _: FORBIDDEN, Pauses(5))
    assert [record.getMessage() for record in caplog.records] == [
        "widgets cannot be watched, it is tried again: 403 Forbidden: you may not watch"
    ]


async def test_the_server_says_how_long_to_wait() -> None:
    busy = http("429 Too Many Requests", b"", "Retry-After: 60")
    pauses = Pauses(2)
    await seen(lambda _: busy, pauses)
    assert pauses == [60.0, 60.0]


def test_a_stream_that_lasted_starts_the_delays_anew() -> None:
    backoff = Backoff()
    delays = [backoff.after(lasted) for lasted in (0.0, 0.0, 0.0, 4.9, 300.0, 0.0)]
    assert within(delays, 0.1, 0.2, 0.4, 0.8, 0.1, 0.2)


def test_two_watchers_do_not_wait_equally_long() -> None:
    assert len({Backoff().after(0.0) for _ in range(20)}) > 10


def test_an_hour_of_failures_is_a_few_hundred_attempts() -> None:
    backoff = Backoff()
    waits = itertools.accumulate(backoff.after(0.0) for _ in itertools.count())
    assert 360 <= sum(1 for _ in itertools.takewhile(lambda passed: passed < 3600, waits)) <= 750
