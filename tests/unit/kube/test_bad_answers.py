"""Answers as bad servers give them, and proxies and login pages in front of a server: each is an ApiError."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import yaml
from support.rawserver import access, http, ok, running

from e2i.kube import ApiError, Kube, Resource, responses
from e2i.kube.explain import explain

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")

STATUS = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": "no", "code": 403}


async def error_of(answer: bytes, method: str = "GET") -> ApiError:
    async with running(lambda _: answer) as (_, kube):
        with pytest.raises(ApiError) as caught:
            await kube.request(method, "/version")
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"",
        b"ok",
        b'{"kind": "Pod", "metadata": {"na',
        b"<html><body>Please log in</body></html>",
        b"\xff{}",
        b"[" * 100_000,
        b'{"a": ' * 100_000,
        b'{"n": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: body[:12].decode(errors="replace"),
)
async def test_an_answer_that_is_no_object_is_an_error(body: bytes) -> None:
    error = await error_of(http("200 OK", body))
    assert (error.status, error.reason) == (0, "InvalidResponse")
    assert "not a JSON object" in error.message
    assert len(error.message) < 300


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"3", b"{", b"{}", b"<html>\n\n<h1>Bad Gateway</h1></html>"]
)
async def test_a_refusal_without_a_status_object_has_code_and_phrase(body: bytes) -> None:
    error = await error_of(http("502 Bad Gateway", body, "Content-Type: text/html"))
    assert (error.status, error.reason) == (502, "Bad Gateway")
    assert error.message.startswith("Bad Gateway")
    assert "\n" not in error.message


async def test_a_page_in_place_of_a_status_is_quoted() -> None:
    assert "<h1>Blocked by" in (await error_of(http("403 Forbidden", "<h1>Blocked by\n  the proxy"))).message


async def test_a_refusal_keeps_the_words_of_the_server() -> None:
    error = await error_of(http("403 Forbidden", json.dumps(STATUS)))
    assert (error.status, error.reason, error.message) == (403, "Forbidden", "no")


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        ({"kind": "Status"}, "Conflict", 'Conflict: \'{"kind": "Status"}\''),
        ({"message": "taken"}, "Conflict", "taken"),
        ({"reason": {}, "message": ["x"], "code": "409"}, "Conflict", "Conflict"),
        ({"reason": None, "message": None}, "Conflict", "Conflict"),
        ({"reason": "AlreadyExists", "message": "exists"}, "AlreadyExists", "exists"),
    ],
)
async def test_a_status_with_parts_missing_or_of_another_type(
    status: dict[str, Any], reason: str, message: str
) -> None:
    error = await error_of(http("409 Conflict", json.dumps(status)))
    assert (error.status, error.reason) == (409, reason)
    assert error.message.startswith(message)


@pytest.mark.parametrize(
    ("size", "message"), [(responses.MAX_ERROR, "taken"), (responses.MAX_ERROR + 1, "Conflict")]
)
async def test_an_error_of_the_largest_size_is_read_and_no_larger_one(size: int, message: str) -> None:
    error = await error_of(http("409 Conflict", json.dumps({"message": "taken"}).ljust(size)))
    assert error.message == message


@pytest.mark.parametrize(
    ("code", "status"), [(410, 410), (400, 400), (599, 599), (399, 0), (600, 0), (True, 0), ("410", 0)]
)
def test_an_error_in_a_watch_has_its_code_if_that_is_one_of_an_error(code: object, status: int) -> None:
    assert responses.error_from_status({"message": "expired", "code": code}, 0).status == status


async def test_a_status_line_without_a_phrase() -> None:
    error = await error_of(http("503 ", b""))
    assert (error.status, error.reason, error.message) == (503, "", "status 503")


async def test_a_long_message_is_cut_and_its_odd_characters_are_replaced() -> None:
    error = await error_of(
        http("422 Unprocessable Entity", json.dumps({"message": "\x1b[31m\ud83d" + "é" * 9000}))
    )
    assert error.message.startswith("�[31m�é")
    assert len(error.message) == 2000
    assert str(error).encode()


async def test_a_huge_refusal_is_not_read_to_its_end() -> None:
    error = await error_of(http("500 Internal Server Error", b"x" * 10 * responses.MAX_ERROR))
    assert (error.status, error.reason) == (500, "Internal Server Error")


async def test_a_huge_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses.read, "__defaults__", (2**20,))
    error = await error_of(ok({"text": "x" * 2**21}))
    assert (error.status, error.reason) == (0, "ResponseTooLarge")
    assert "1 MiB" in error.message


async def test_a_small_answer_that_unpacks_into_a_huge_one_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(responses.read, "__defaults__", (2**20,))
    packed = gzip.compress(b" " * 2**24)
    assert (await error_of(http("200 OK", packed, "Content-Encoding: gzip"))).reason == "ResponseTooLarge"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        http("200 OK", b'{"a": 1}', length=5000),
        http("403 Forbidden", b'{"a": 1}', length=5000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        http("200 OK", b"no gzip at all", "Content-Encoding: gzip"),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
    ],
    ids=[
        "closed at once",
        "cut in the head",
        "cut in the body",
        "cut in a refusal",
        "chunks that are none",
        "cut in a chunk",
        "gzip that is none",
        "another protocol",
        "a head without end",
        "a status that is no number",
    ],
)
async def test_a_connection_that_breaks_is_an_error(answer: bytes) -> None:
    error = await error_of(answer)
    assert (error.status, error.reason) == ((403, "Forbidden") if b"403" in answer else (0, "Unreachable"))
    assert len(error.message) <= 2000


async def test_nobody_listens() -> None:
    async with Kube(access("http://127.0.0.1:1")) as kube:
        with pytest.raises(ApiError, match=r"API server http://127\.0\.0\.1:1: ") as caught:
            await kube.request("GET", "/version")
    assert (caught.value.status, caught.value.reason) == (0, "Unreachable")


async def test_a_silent_server_is_left_after_the_timeout() -> None:
    async with running(lambda _: b"hang") as (_, kube):
        with pytest.raises(ApiError, match=r"TimeoutError|timeout") as caught:
            await kube.request("GET", "/version", timeout=0.05)
    assert caught.value.reason == "Unreachable"


@pytest.mark.parametrize(
    "code", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "304 Not Modified"]
)
async def test_a_redirect_is_not_followed(code: str) -> None:
    async with running(lambda _: http(code, b"", "Location: /elsewhere")) as (server, kube):
        with pytest.raises(ApiError, match="redirects to '/elsewhere'") as caught:
            await kube.request("GET", "/version")
    assert caught.value.status == int(code[:3])
    assert [request.path for request in server.requests] == ["/version"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("1e9", 300.0),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10.0),
        ("Wed, 21 Oct 2015 07:28:10 -0000", 10.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", None),
        ("Wed, 99 Oct 2015 99:27:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300.0),
    ],
)
async def test_retry_after(value: str, seconds: float | None) -> None:
    head = (f"Retry-After: {value}", "Date: Wed, 21 Oct 2015 07:28:00 GMT")
    error = await error_of(http("429 Too Many Requests", json.dumps({"reason": "TooManyRequests"}), *head))
    assert (error.status, error.reason, error.retry_after) == (429, "TooManyRequests", seconds)


async def test_a_retry_after_date_without_a_date_of_the_answer_counts_from_now() -> None:
    error = await error_of(
        http("503 Busy", b"", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", "Date: some day")
    )
    assert error.retry_after == 300.0


LIST = {"metadata": {"resourceVersion": "7"}}


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"items": []},
        {"metadata": None, "items": []},
        {"metadata": {"resourceVersion": 7}, "items": []},
        {**LIST, "items": {}},
        {**LIST, "items": "none"},
        {**LIST, "items": [None]},
        {**LIST, "items": [{"spec": {}}]},
        {**LIST, "items": [{"metadata": []}]},
        {**LIST, "items": [{"metadata": {"name": 3}}]},
        {"metadata": {"resourceVersion": "7", "continue": ["x"]}, "items": []},
        {"metadata": {"resourceVersion": "7", "continue": "for ever"}, "items": []},
    ],
    ids=repr,
)
async def test_a_list_that_is_none(page: dict[str, Any]) -> None:
    async with running(lambda _: ok(page)) as (_, kube):
        with pytest.raises(ApiError) as caught:
            await kube.list(WIDGETS)
    assert caught.value.reason == "InvalidResponse"


async def test_an_empty_list_may_be_null() -> None:
    async with running(lambda _: ok({**LIST, "items": None})) as (_, kube):
        assert await kube.list(WIDGETS) == ([], "7")


async def test_pages_that_are_too_large_are_asked_for_in_smaller_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(responses.read, "__defaults__", (100_000,))
    names = [f"w{number}" for number in range(700)]

    def page(request: Any) -> bytes:
        first, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        items = [
            {"metadata": {"name": name, "labels": {"x": "y" * 500}}} for name in names[first : first + limit]
        ]
        rest = {"continue": str(first + limit)} if first + limit < len(names) else {}
        return ok({"metadata": {"resourceVersion": "7", **rest}, "items": items})

    async with running(page) as (_, kube):
        found, _ = await kube.list(WIDGETS)
    assert [item["metadata"]["name"] for item in found] == names


@pytest.mark.parametrize(("times", "is_whole"), [(1, True), (2, True), (3, False)])
async def test_a_list_whose_version_is_forgotten_begins_again(times: int, is_whole: bool) -> None:
    left = [http("410 Gone", '{"reason": "Expired", "message": "too old"}')] * times

    def page(request: Any) -> bytes:
        name = {"metadata": {"name": request.query.get("continue", "first")}}
        if request.query.get("continue"):
            return left.pop() if left else ok({"metadata": {"resourceVersion": "9"}, "items": [name]})
        return ok({"metadata": {"resourceVersion": "7", "continue": "last"}, "items": [name]})

    async with running(page) as (_, kube):
        if not is_whole:
            with pytest.raises(ApiError, match="too old"):
                await kube.list(WIDGETS)
            return
        found, version = await kube.list(WIDGETS)
    assert ([item["metadata"]["name"] for item in found], version) == (["first", "last"], "9")


async def test_not_found_is_none_but_a_page_that_says_so_is_an_error_of_delete() -> None:
    async with running(lambda _: http("404 Not Found", "<html>")) as (_, kube):
        assert await kube.get(WIDGETS, "ns", "x") is None
        await kube.delete(WIDGETS, "ns", "x")


async def test_a_log_of_any_bytes_is_text() -> None:
    async with running(lambda _: http("200 OK", b"\xff\xfe\x00line")) as (_, kube):
        assert await kube.log("ns", "pod", "main", lines=1, limit=10) == "��\x00line"


async def test_a_log_that_breaks_off_is_an_error() -> None:
    async with running(lambda _: http("200 OK", b"half", length=100)) as (_, kube):
        with pytest.raises(ApiError, match="payload"):
            await kube.log("ns", "pod", "main", lines=1, limit=10)


VERBS = {
    "get": lambda kube: kube.get(WIDGETS, "ns", "x"),
    "list": lambda kube: kube.list(WIDGETS, "ns"),
    "create": lambda kube: kube.create(WIDGETS, "ns", {}),
    "replace": lambda kube: kube.replace(WIDGETS, {"metadata": {"name": "x"}}),
    "apply": lambda kube: kube.apply(WIDGETS, {"metadata": {"name": "x"}}, manager="m"),
    "patch": lambda kube: kube.patch(WIDGETS, "ns", "x", {}),
    "delete": lambda kube: kube.delete(WIDGETS, "ns", "x"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "answer", [http("200 OK", b"null"), http("500 Oh", b"[]"), http("200 OK", b"{", length=9)]
)
async def test_no_verb_lets_anything_else_out(verb: str, answer: bytes) -> None:
    async with running(lambda _: answer) as (_, kube):
        with pytest.raises(ApiError):
            await VERBS[verb](kube)


@pytest.mark.parametrize(
    "text", ["🙂", "a\ud83d", "\x7f\x85\u2028\ufeff\uffff", 'é\\ud83d\\"', "\U0001d4b3\n\t\x00"]
)
async def test_what_is_sent_is_json_and_yaml_alike(text: str) -> None:
    async with running(lambda _: ok({})) as (server, kube):
        await kube.apply(WIDGETS, {"metadata": {"name": "x"}, "text": text}, manager="m")
    expected = text.replace("\ud83d", "�")
    assert json.loads(server.requests[0].body)["text"] == expected
    assert yaml.safe_load(server.requests[0].body)["text"] == expected


def test_a_namespace_that_is_not_there_is_named_with_the_command_that_makes_it() -> None:
    said = explain(404, "NotFound", 'namespaces "shop" not found')
    assert said == (
        "There is no namespace shop in this cluster. Make it with kubectl create namespace shop, or name another one."
    )
