"""Asks a release its golden predictions, at its own address and before it takes traffic.

A model may answer anything, slowly, or not at all. Nothing it does leads elsewhere (no redirect, no proxy, no cookie,
no compression), takes longer than the check allows, or is read without bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

import aiohttp
import yarl

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.evidence.excerpts import excerpt
from e2i.controller.core.evidence.redaction import redact
from e2i.controller.core.observed import Finding
from e2i.controller.core.verification.answer_check import Answer, judge
from e2i.controller.core.verification.checks import Check, Contract, Verification

LONGEST_ANSWER = 1024 * 1024
"""Bytes of an answer that are read."""
_EXCERPT = 1024
_WORDS = 120
SETTLING = 5.0
"""Seconds in which a Service of pods that are ready may still refuse connections: nodes learn of them one by one."""
_LOOK_EVERY = 0.1
_PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds before each further try; the last one goes on."""
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "e2i"}


class _NoAnswer(Exception):
    """A try that ended without an answer: `reason`, and a clause that says what happened."""

    def __init__(self, reason: Reason, clause: str) -> None:
        super().__init__(clause)
        self.reason = reason
        self.clause = clause


async def verify(
    base_url: str, verification: Verification, kind: str, secrets: tuple[str, ...] = ()
) -> Finding | None:
    """The first check that fails, in order; None: all passed.

    `kind`: Classification, Regression or Causal. `secrets`: what must stand in no message. Raises nothing but
    CancelledError: whatever the model does is a finding.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLING):
            await _until_connected(yarl.URL(base_url))
    async with aiohttp.ClientSession(
        headers=_HEADERS,
        auto_decompress=False,
        # A connection for each try: the Service then chooses a pod each time, and none is found closed.
        connector=aiohttp.TCPConnector(force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    ) as session:
        for check in verification.checks:
            url = yarl.URL(f"{base_url}{check.path}")
            finding = await _verify_one(session, url, check, verification.contract, kind, secrets)
            if finding is not None:
                return finding
    return None


async def _until_connected(url: yarl.URL) -> None:
    """Return at the first connection; what is then asked, and how often, is the check's own matter."""
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
) -> Finding | None:
    try:
        answer = await _ask(session, url, check)
    except _NoAnswer as failure:
        return _unanswered(check, failure, secrets)
    # A long answer takes some tenths of a second to judge, and other models are waiting.
    trouble = await asyncio.to_thread(judge, check, contract, kind, answer, secrets)
    if trouble is None:
        return None
    words = f"{check.request} -> {answer.status}: {answer.body.decode('utf-8', 'replace')}"
    return Finding(trouble, excerpt(words, _EXCERPT, secrets))


async def _ask(session: aiohttp.ClientSession, url: yarl.URL, check: Check) -> Answer:
    """The answer, after as many tries as it takes; raises _NoAnswer when the last one had none.

    Tried again is what may be a bad moment of the network or the server; an answer that came is final.
    """
    for pause in [*_PAUSES, *[_PAUSES[-1]] * check.retries][: check.retries]:
        try:
            answer = await _try(session, url, check)
        except _NoAnswer:
            pass
        else:
            if answer.status < 500 or answer.status == check.expect.status:
                return answer
        await asyncio.sleep(pause)
    return await _try(session, url, check)


async def _try(session: aiohttp.ClientSession, url: yarl.URL, check: Check) -> Answer:
    headers = {} if check.body is None else {"Content-Type": "application/json"}
    data = None if check.body is None else check.body.encode("utf-8", "replace")
    try:
        async with (
            asyncio.timeout(check.timeout),
            session.request(check.method, url, data=data, headers=headers, allow_redirects=False) as response,
        ):
            return await _read(response)
    except TimeoutError:
        raise _NoAnswer(Reason.VerificationTimeout, f"no answer within {check.timeout} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _NoAnswer(Reason.VerificationError, _what_broke(error)) from None


async def _read(response: aiohttp.ClientResponse) -> Answer:
    """The body up to its bound; what is left of it is never waited for."""
    body, plain = bytearray(), response.content_type == "text/plain"
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            return Answer(response.status, bytes(body[:LONGEST_ANSWER]), truncated=True, plain=plain)
    return Answer(response.status, bytes(body), plain=plain)


def _what_broke(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0
        # The error's own words name the address, which changes with every pod; names are not looked up by errno.
        return f"no connection: {os.strerror(number) if number > 0 else error.os_error.strerror}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke off in the middle of the answer"
    return f"no whole HTTP answer: {str(error) or type(error).__name__}"


def _unanswered(check: Check, failure: _NoAnswer, secrets: tuple[str, ...]) -> Finding:
    tries = check.retries + 1
    clause = excerpt(failure.clause, _WORDS, secrets)
    advice = {
        Reason.VerificationTimeout: f"Raise {check.place}.timeoutSeconds, or release a bento that answers faster.",
        Reason.VerificationError: "The log of the release's pods tells more.",
    }[failure.reason]
    message = f"{check.title}: {clause}, in {tries} {'try' if tries == 1 else 'tries'}. {advice}"
    return Finding(
        Problem(reason=failure.reason, message=redact(message, secrets), stalled=True),
        excerpt(f"{check.request} -> {failure.clause}", _EXCERPT, secrets),
    )
