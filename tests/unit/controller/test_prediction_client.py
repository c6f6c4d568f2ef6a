"""Golden predictions over HTTP, against servers on loopback that behave as models may."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.verification.checks import Check, Contract, Expectation, Verification, Wanted
from e2i.controller.core.verification.headers import Header
from e2i.controller.edge import prediction_client as verification
from e2i.controller.edge.prediction_client import verify

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def a_check(index: int = 0, **changes: Any) -> Check:
    fields: dict[str, Any] = {
        "place": f"spec.rollout.verify[{index}]",
        "path": "/predict",
        "body": '{"features": [1, 2.50]}',
        "retries": 0,
        "expect": Expectation(subset=Wanted({"label": "stay"})),
    }
    return Check(**(fields | changes))


async def ask(
    url: str, *checks: Check, contract: Contract | None = None, secrets: tuple[str, ...] = ()
) -> Problem | None:
    return await verify(url, Verification(checks=checks, contract=contract), "Classification", secrets)


async def problem_of(url: str, *checks: Check, secrets: tuple[str, ...] = ()) -> Problem:
    problem = await ask(url, *checks, secrets=secrets)
    assert problem is not None
    assert problem.stalled
    assert len(problem.http) <= 1024
    assert problem.http.isprintable()
    return problem


class Model:
    """An aiohttp server that answers one after the other what it was given, the last one again and again."""

    def __init__(self, *answers: web.Response) -> None:
        self.answers = answers
        self.requests: list[tuple[str, str, str, dict[str, str]]] = []
        self.peers: list[object] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.peers.append(request.transport.get_extra_info("peername"))
        body = (await request.read()).decode()
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append((request.method, request.raw_path, body, dict(request.headers)))
        # A Response can be sent once only.
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


@asynccontextmanager
async def serving(*answers: web.Response, port: int = 0) -> AsyncIterator[Model]:
    model = Model(*answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", model.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        host, port = runner.addresses[0]
        model.url = f"http://{host}:{port}"
        yield model
    finally:
        await runner.cleanup()


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """A server that says what `talk` writes once the request's head has come."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()


def ok(answer: Any) -> web.Response:
    return web.json_response(answer)


def lowered(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def test_headers_and_a_query_are_sent_as_they_are_written() -> None:
    headers = (Header(name="Authorization", value="Bearer hunter22"), Header(name="accept", value="text/csv"))
    async with serving(web.json_response({"label": "stay"})) as model:
        assert await ask(model.url, a_check(path="/predict?verbose=true&x=a%20b", headers=headers)) is None
    ((method, path, _, sent),) = model.requests
    assert (method, path) == ("POST", "/predict?verbose=true&x=a%20b")
    told = lowered(sent)
    assert (told["authorization"], told["accept"]) == ("Bearer hunter22", "text/csv")
    assert told["content-type"] == "application/json"


async def test_a_form_is_sent_in_place_of_a_body() -> None:
    async with serving(web.json_response({"label": "stay"})) as model:
        assert await ask(model.url, a_check(body=None, form=(("x", "a b&c"), ("y", "é")))) is None
    ((_, _, body, sent),) = model.requests
    assert body == "x=a+b%26c&y=%C3%A9"
    assert lowered(sent)["content-type"] == "application/x-www-form-urlencoded"


async def test_a_content_type_of_the_check_is_the_only_one() -> None:
    headers = (Header(name="Content-Type", value="application/vnd.api+json"),)
    async with serving(web.json_response({"label": "stay"})) as model:
        assert await ask(model.url, a_check(headers=headers)) is None
    ((_, _, _, sent),) = model.requests
    assert lowered(sent)["content-type"] == "application/vnd.api+json"


async def test_a_secret_that_the_model_sends_back_is_masked() -> None:
    headers = (Header(name="Authorization", value="Bearer hunter22"),)
    async with serving(web.json_response({"label": "go", "echo": "hunter22"})) as model:
        problem = await problem_of(model.url, a_check(headers=headers), secrets=("hunter22",))
    assert "hunter22" not in problem.http + problem.message


async def test_a_model_that_answers_as_expected_is_verified() -> None:
    async with serving(ok({"label": "stay", "probabilities": {"stay": 0.7, "leave": 0.3}})) as model:
        assert await ask(model.url, a_check(), contract=Contract(labels=frozenset({"stay", "leave"}))) is None


async def test_the_body_is_sent_as_it_was_written() -> None:
    async with serving(ok({"label": "stay"})) as model:
        await ask(model.url, a_check(), a_check(method="GET", path="/known%20customer/ä", body=None))
    (method, path, body, headers), (method2, path2, body2, headers2) = model.requests
    assert (method, path, body) == ("POST", "/predict", '{"features": [1, 2.50]}')
    assert headers["Content-Type"] == "application/json"
    assert (method2, path2, body2) == ("GET", "/known%20customer/%C3%A4", "")
    assert headers2["Accept-Encoding"] == "identity"
    assert "Cookie" not in headers2


async def test_the_first_check_that_fails_ends_it() -> None:
    async with serving(ok({"label": "stay"}), ok({"label": "leave"}), ok({"label": "x"})) as model:
        problem = await problem_of(model.url, a_check(0), a_check(1), a_check(2))
    assert problem.reason is Reason.VerificationFailed
    assert problem.message.startswith(
        'spec.rollout.verify[1], POST /predict: $.label should be "stay", but is "leave".'
    )
    assert problem.http == 'POST /predict -> 200: {"label": "leave"}'
    assert len(model.requests) == 2


async def test_a_wrong_answer_stays_wrong_and_the_message_says_that_it_comes_by_chance() -> None:
    async with serving(ok({"label": "leave"}), ok({"label": "stay"})) as model:
        problem = await problem_of(model.url, a_check(retries=3))
    assert problem.reason is Reason.VerificationFailed
    assert 'is "leave"' in problem.message
    assert "sent once more, was answered rightly" in problem.message
    assert problem.http == 'POST /predict -> 200: {"label": "leave"}'
    assert len(model.requests) == 2


@pytest.mark.parametrize(
    ("second", "retries", "asked"),
    [
        pytest.param(ok({"label": "leave"}), 2, 2, id="wrong again"),
        pytest.param(web.Response(status=503), 2, 2, id="no answer then"),
        pytest.param(ok({"label": "stay"}), 0, 1, id="asked once only, as the manifest says"),
    ],
)
async def test_a_wrong_answer_is_not_called_chance_without_a_right_one(
    second: web.Response, retries: int, asked: int
) -> None:
    async with serving(ok({"label": "leave"}), second) as model:
        problem = await problem_of(model.url, a_check(retries=retries))
    assert "once more" not in problem.message
    assert len(model.requests) == asked


async def test_a_refusal_is_not_asked_for_again() -> None:
    async with serving(web.Response(status=404, text="no such path"), ok({"label": "stay"})) as model:
        problem = await problem_of(model.url, a_check(retries=3))
    assert problem.reason is Reason.VerificationFailed
    assert len(model.requests) == 1


async def test_a_server_error_is_tried_again_and_forgotten_when_the_answer_comes() -> None:
    async with serving(web.Response(status=503), ok({"label": "stay"})) as model:
        assert await ask(model.url, a_check(retries=1)) is None
    assert len(model.requests) == 2


async def test_a_server_error_that_stays_is_told_with_its_words() -> None:
    async with serving(web.Response(status=500, text='{"error":\n "no memory"}')) as model:
        problem = await problem_of(model.url, a_check(retries=2, name="known customer"))
    assert len(model.requests) == 3
    assert problem.reason is Reason.VerificationError
    assert problem.message == (
        "spec.rollout.verify[0] (known customer), POST /predict: the status should be 200, but is "
        '500: {"error": "no memory"}. Correct the service, or the request in spec.rollout.verify[0].'
    )
    assert problem.http == 'POST /predict -> 500: {"error": "no memory"}'


async def test_a_server_error_that_is_expected_is_not_tried_again() -> None:
    async with serving(web.Response(status=503)) as model:
        assert await ask(model.url, a_check(retries=3, expect=Expectation(status=503))) is None
    assert len(model.requests) == 1


async def test_nan_is_found_wherever_it_stands() -> None:
    text = '{"label": "stay", "probabilities": {"stay": NaN, "leave": NaN}}'
    async with serving(web.Response(text=text)) as model:
        problem = await problem_of(model.url, a_check())
    assert problem.reason is Reason.PredictionNotFinite
    assert "$.probabilities.stay should be a finite number, but is NaN" in problem.message


async def test_a_broken_contract_is_told() -> None:
    async with serving(ok({"label": "stay", "probabilities": [0.7, 0.7]})) as model:
        problem = await problem_of(model.url, a_check())
    assert problem.reason is Reason.ContractBroken


async def test_a_redirect_is_not_followed() -> None:
    async with serving(ok({"label": "stay"})) as elsewhere:
        away = web.Response(status=307, headers={"Location": f"{elsewhere.url}/predict"})
        async with serving(away) as model:
            problem = await problem_of(model.url, a_check())
    assert elsewhere.requests == []
    assert problem.reason is Reason.VerificationFailed
    assert "the status should be 200, but is 307: a redirect, which is not followed" in problem.message


async def test_each_check_has_a_connection_of_its_own_so_that_it_may_reach_another_pod() -> None:
    async with serving(ok({"label": "stay"})) as model:
        assert await ask(model.url, a_check(0), a_check(1), a_check(2)) is None
    assert len(set(model.peers)) == 3


async def test_cookies_are_not_sent_back() -> None:
    async with serving(web.json_response({"label": "stay"}, headers={"Set-Cookie": "a=b"})) as model:
        assert await ask(model.url, a_check(0), a_check(1)) is None
    assert all("Cookie" not in headers for *_, headers in model.requests)


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(ok({"label": "stay"})) as model:
        assert await ask(model.url, a_check()) is None


async def test_json_is_read_whatever_the_content_type_says() -> None:
    async with serving(web.Response(text='{"label": "stay"}', content_type="text/html")) as model:
        assert await ask(model.url, a_check()) is None


async def test_an_address_that_answers_a_moment_later_costs_no_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods are ready a moment before every node knows that the Service leads to them."""
    monkeypatch.setattr(verification, "SETTLING", 30.0)
    refused, connect = asyncio.Event(), asyncio.open_connection

    async def noticed(*place: Any) -> Any:
        try:
            return await connect(*place)
        except OSError:
            refused.set()
            raise

    monkeypatch.setattr(asyncio, "open_connection", noticed)
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        asking = asyncio.create_task(ask(f"http://127.0.0.1:{port}", a_check()))
        await asyncio.wait_for(refused.wait(), 60)
    async with serving(ok({"label": "stay"}), port=port):
        assert await asking is None


async def test_nobody_listening_is_said_so_after_the_last_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "SETTLING", 0.1)
    async with serving(ok({})) as model:
        gone = model.url
    problem = await problem_of(gone, a_check(retries=1))
    assert problem.reason is Reason.VerificationError
    assert problem.message == (
        "spec.rollout.verify[0], POST /predict: no connection: Connection refused, in 2 tries. "
        "Correct the service, or let the operator reach the release's pods."
    )
    assert problem.http == "POST /predict -> no connection: Connection refused"


async def test_no_answer_in_time_is_told_with_the_setting_to_raise() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking(silent) as url:
        problem = await problem_of(url, a_check(timeout=0.2, retries=1))
    assert problem.reason is Reason.VerificationTimeout
    assert problem.message == (
        "spec.rollout.verify[0], POST /predict: no answer within 0.2 s, in 2 tries. "
        "Raise spec.rollout.verify[0].timeoutSeconds, or release a bento that answers faster."
    )
    assert problem.http == "POST /predict -> no answer within 0.2 s"


async def test_a_process_that_ends_at_the_first_request_is_not_called_slow() -> None:
    """Its socket stays open while it is started again, so the next tries get no answer in time."""
    asked = 0

    async def end_and_be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            await reader.read()

    async with talking(end_and_be_silent) as url:
        problem = await problem_of(url, a_check(timeout=0.2, retries=1))
    assert problem.reason is Reason.VerificationError
    assert (
        "the connection was closed without an answer, then no answer within 0.2 s, in 2 tries"
        in problem.message
    )
    assert "timeoutSeconds" not in problem.message


async def test_secrets_are_neither_in_the_message_nor_in_the_excerpt() -> None:
    secret = 'hunter2"hunter2'
    echo = {"label": secret, "env": {"API_TOKEN": secret}, "key": "AKIAABCDEFGHIJKLMNOP"}
    async with serving(ok(echo)) as model:
        problem = await problem_of(model.url, a_check(), secrets=(secret,))
    said = problem.message + problem.http
    assert "hunter2" not in said
    assert "AKIAABCDEF" not in said
    assert "***" in problem.http


async def test_a_secret_at_the_end_of_the_excerpt_is_not_cut_in_half() -> None:
    text = json.dumps({"label": "leave", "filling": "x" * 960, "leak": "hunter2-hunter2-" * 100})
    async with serving(web.Response(text=text)) as model:
        problem = await problem_of(model.url, a_check(), secrets=("hunter2-hunter2-",))
    assert "hunter" not in problem.http


def saying(*pieces: bytes, pause: float = 0) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            # The server's own slowness, which the check's time-out cuts short.
            await asyncio.sleep(pause)

    return talk


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


JSON_TYPE = "Content-Type: application/json"
BOMB = gzip.compress(b'{"label": "stay", "x": "' + b"0" * 2**24 + b'"}')
DRIP = [http(b"", JSON_TYPE, length=60), *[b"1"] * 60]
ABSURD = [
    pytest.param(
        saying(http(b"[" + b"1," * 5 * 2**20 + b"1]", JSON_TYPE)), Reason.VerificationError,
        r"JSON, but is not \(longer than 1048576 bytes\): \[1,1", id="10 MiB",
    ),
    pytest.param(
        saying(http(b"[" * 5000 + b"]" * 5000, JSON_TYPE)), Reason.VerificationError,
        r"not \(nested deeper than 64 levels\)", id="5000 nested lists",
    ),
    pytest.param(
        saying(http(b'{"label": "\xff\xfe"}', JSON_TYPE)), Reason.VerificationError,
        r"not \(no UTF-8 at byte 12\)", id="invalid UTF-8",
    ),
    pytest.param(
        saying(http(b"\x89PNG\r\n\x1a\n\0\0", "Content-Type: image/png")), Reason.VerificationError,
        r"not \(no UTF-8 at byte 1\)", id="an image",
    ),
    pytest.param(
        saying(http(BOMB, JSON_TYPE, "Content-Encoding: gzip")), Reason.VerificationError,
        r"not \(no UTF-8 at byte 2\)", id="a zip bomb, which is not unpacked",
    ),
    pytest.param(
        saying(*DRIP, pause=1), Reason.VerificationTimeout, r"no answer within 0\.5 s", id="a byte each second",
    ),
    pytest.param(
        saying(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 10_000, pause=0.001), Reason.VerificationTimeout,
        r"no answer within 0\.5 s", id="100 Continue for ever",
    ),
    pytest.param(
        saying(http(b'{"label":', JSON_TYPE, length=100)), Reason.VerificationError,
        r"the connection broke off in the middle of the answer", id="closed in the middle of the body",
    ),
    pytest.param(
        saying(b"HTTP/1.1 200 OK\r\nContent-"), Reason.VerificationError,
        r"the connection was closed without an answer", id="closed in the middle of the head",
    ),
    pytest.param(
        saying(), Reason.VerificationError, r"closed without an answer.*process may have ended", id="closed at once",
    ),
    pytest.param(
        saying(b"SSH-2.0-OpenSSH_9.6\r\n"), Reason.VerificationError, r"no whole HTTP answer", id="another protocol",
    ),
    pytest.param(
        saying(http(b"{}", f"X-Long: {'x' * 100_000}")), Reason.VerificationError,
        r"no whole HTTP answer", id="a header of 100 kB",
    ),
    pytest.param(
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), Reason.VerificationError,
        r"no whole HTTP answer|broke off", id="chunks that are none",
    ),
    pytest.param(
        saying(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n\0\0"),
        Reason.VerificationFailed, r"the status should be 200, but is 101", id="an upgrade",
    ),
    pytest.param(
        saying(http(b"", status="999 \xfc\x1b[31m")), Reason.VerificationError,
        r"the status should be 200, but is 999|no whole HTTP answer", id="a status that does not exist",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("talk", "reason", "words"), ABSURD)
async def test_an_absurd_answer_ends_in_a_clear_word_and_in_time(
    talk: Talk, reason: Reason, words: str
) -> None:
    async with talking(talk) as url:
        began = time.monotonic()
        problem = await problem_of(url, a_check(timeout=0.5))
        took = time.monotonic() - began
    assert problem.reason is reason, problem
    assert re.search(words, problem.message), problem
    assert len(problem.message) <= 1024
    # The time of the one try, and some for a busy machine.
    assert took < 3


async def test_who_asks_can_stop_asking() -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()

    async with talking(silent) as url:
        task = asyncio.create_task(ask(url, a_check(timeout=60, retries=10)))
        await asyncio.wait_for(asked.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
