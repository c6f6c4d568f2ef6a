"""Sends the checks of a verification to a release, at its own address, before it takes traffic.

A model may answer anything, slowly, or not at all. So there are no redirects, proxies, cookies or compression, and
time and size of an answer are limited.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import replace
from urllib.parse import urlencode

import aiohttp
import yarl

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.evidence.excerpts import excerpt
from e2i.controller.core.evidence.redaction import redact
from e2i.controller.core.verification.answer_check import Answer, judge
from e2i.controller.core.verification.checks import Check, Contract, Verification

LONGEST_ANSWER = 1024 * 1024
"""Bytes that are read of an answer."""
_EXCERPT = 1024
_WORDS = 120
SETTLING = 5.0
"""Seconds for which a Service of ready pods may still refuse connections: nodes learn of the pods one by one."""
JUDGING = 10.0
"""Seconds that judging one answer may take."""
_LOOK_EVERY = 0.1
_PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds before each further try; the last number counts for all that follow."""
_BY_CHANCE = (
    "The same request, sent once more, was answered rightly: the answer depends on chance, on what was asked before, "
    "or on the pod."
)
_DISCONNECTED = (aiohttp.ServerDisconnectedError, ConnectionResetError)
_CLOSED = (*_DISCONNECTED, aiohttp.ClientPayloadError)
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "e2i"}


class _NoAnswer(Exception):
    """A try ended without an answer. `reason` and `clause` say why; `closed`: the model closed the connection."""

    def __init__(self, reason: Reason, clause: str, *, closed: bool = False) -> None:
        super().__init__(clause)
        self.reason = reason
        self.clause = clause
        self.closed = closed


async def verify(
    base_url: str, verification: Verification, kind: str, secrets: tuple[str, ...] = ()
) -> Problem | None:
    """Return the final problem of the first check that fails; None if all pass.

    `kind`: Classification, Regression or Causal. `secrets`: values that no message may contain. Only cancellation
    raises: whatever the model does is a problem of the release.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLING):
            await _until_connected(yarl.URL(base_url))
    async with aiohttp.ClientSession(
        headers=_HEADERS,
        auto_decompress=False,
        # One connection for each try: the Service chooses a pod each time, and no stale connection is used.
        connector=aiohttp.TCPConnector(force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    ) as session:
        for check in verification.checks:
            url = yarl.URL(f"{base_url}{check.path}")
            problem = await _verify_one(session, url, check, verification.contract, kind, secrets)
            if problem is not None:
                return problem
    return None


def longest(verification: Verification) -> float:
    """Return after how many seconds all checks have ended, even if each answer comes as slowly as allowed."""
    tries = sum(
        (check.retries + 2) * (check.timeout + _PAUSES[-1] + JUDGING) for check in verification.checks
    )
    return SETTLING + tries


async def _until_connected(url: yarl.URL) -> None:
    """Wait until the Service accepts a connection."""
    while True:
        try:
            _, writer = await asyncio.open_connection(url.host, url.port)
        except OSError:
            await asyncio.sleep(_LOOK_EVERY)
        else:
            writer.close()
            return


async def _verify_one(
    session: aiohttp.ClientSession,
    url: yarl.URL,
    check: Check,
    contract: Contract | None,
    kind: str,
    secrets: tuple[str, ...],
) -> Problem | None:
    try:
        answer = await _ask(session, url, check)
    except _NoAnswer as error:
        return _unanswered(check, error, secrets)
    # In a thread: to judge a long answer takes some tenths of a second.
    problem = await asyncio.to_thread(judge, check, contract, kind, answer, secrets)
    if problem is None:
        return None
    words = f"{check.request} -> {answer.status}: {answer.body.decode('utf-8', 'replace')}"
    problem = replace(problem, final=True, http=excerpt(words, _EXCERPT, secrets))
    if check.retries and answer.status == check.expect.status:
        with contextlib.suppress(_NoAnswer):
            again = await _try(session, url, check)
            if await asyncio.to_thread(judge, check, contract, kind, again, secrets) is None:
                return replace(problem, message=f"{problem.message} {_BY_CHANCE}")
    return problem


async def _ask(session: aiohttp.ClientSession, url: yarl.URL, check: Check) -> Answer:
    """Return the answer after at most `check.retries` more tries; _NoAnswer if the last try had none.

    A missing answer and a status of 500 or more are tried again; any other answer is final.
    """
    closed: _NoAnswer | None = None
    for pause in [*_PAUSES, *[_PAUSES[-1]] * check.retries][: check.retries]:
        try:
            answer = await _try(session, url, check)
        except _NoAnswer as error:
            closed = closed or (error if error.closed else None)
        else:
            if answer.status < 500 or answer.status == check.expect.status:
                return answer
        await asyncio.sleep(pause)
    try:
        return await _try(session, url, check)
    except _NoAnswer as error:
        # A process that ended at the first request is not there for the next one, which then is only slow or refused.
        if closed is None or error.closed:
            raise
        raise _NoAnswer(closed.reason, f"{closed.clause}, then {error.clause}", closed=True) from None


async def _try(session: aiohttp.ClientSession, url: yarl.URL, check: Check) -> Answer:
    headers, data = _what_is_sent(check)
    try:
        async with (
            asyncio.timeout(check.timeout),
            session.request(check.method, url, data=data, headers=headers, allow_redirects=False) as response,
        ):
            return await _read(response)
    except TimeoutError:
        raise _NoAnswer(Reason.VerificationTimeout, f"no answer within {check.timeout} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _NoAnswer(
            Reason.VerificationError, _what_broke(error), closed=isinstance(error, _CLOSED)
        ) from None


async def _read(response: aiohttp.ClientResponse) -> Answer:
    """Return the answer with its body up to the limit; the rest is not read."""
    body, media_type = bytearray(), response.content_type
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            return Answer(
                response.status, bytes(body[:LONGEST_ANSWER]), truncated=True, media_type=media_type
            )
    return Answer(response.status, bytes(body), media_type=media_type)


def _what_is_sent(check: Check) -> tuple[dict[str, str], bytes | None]:
    """Return headers and body of the request. A header of the check replaces the operator's own."""
    headers, data = {}, None
    if check.body is not None:
        headers["content-type"], data = "application/json", check.body.encode("utf-8", "replace")
    elif check.form:
        headers["content-type"], data = "application/x-www-form-urlencoded", urlencode(check.form).encode()
    return headers | {header.name.lower(): header.value for header in check.headers}, data


def _what_broke(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0
        # The message of the error has the address, which changes with every pod. A failed name lookup has no errno.
        return f"no connection: {os.strerror(number) if number > 0 else error.os_error.strerror}"
    if isinstance(error, _DISCONNECTED):
        return "the connection was closed without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke off in the middle of the answer"
    return f"no whole HTTP answer: {str(error) or type(error).__name__}"


def _unanswered(check: Check, error: _NoAnswer, secrets: tuple[str, ...]) -> Problem:
    tries = check.retries + 1
    clause = excerpt(error.clause, _WORDS, secrets)
    if error.reason is Reason.VerificationTimeout:
        advice = f"Raise {check.place}.timeoutSeconds, or release a bento that answers faster."
    elif error.closed:
        advice = "Its process may have ended at this request: send it to `bentoml serve` and read the log."
    else:
        advice = "Correct the service, or let the operator reach the release's pods."
    message = f"{check.title}: {clause}, in {tries} {'try' if tries == 1 else 'tries'}. {advice}"
    return Problem(
        reason=error.reason,
        message=redact(message, secrets),
        stalled=True,
        final=True,
        http=excerpt(f"{check.request} -> {error.clause}", _EXCERPT, secrets),
    )
