"""Makes predictions and errors of answers. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from e2i.client.endpoints import Endpoint, Identity
from e2i.client.errors import (
    BadInput,
    ClientError,
    InputProblem,
    ModelFailed,
    ModelNotFound,
    NotReady,
    Overloaded,
    Refused,
)
from e2i.client.pool import Answer
from e2i.client.retrying import retry_after

RELEASE_HEADER = "X-E2I-Release"
DIGEST_HEADER = "X-E2I-Digest"
"""What a gateway says of the release that answered."""
_EXCERPT = 200
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer.

    `release` and `digest` say which release answered, as its E2IModel names it; empty if nothing says so. `model`: the
    name:version that the answer names, else the name that was asked for. `seconds`: how long the call took, with all
    attempts. `bento`: the name:version that the answer names, if it does.
    """

    value: Any
    release: str
    digest: str
    model: str
    seconds: float
    bento: str = ""


def prediction_of(answer: Answer, endpoint: Endpoint, seconds: float) -> Prediction:
    """Return the prediction in an answer of status 200; ModelFailed if there is none."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ModelFailed(
            endpoint.model,
            f"{endpoint.model} answered no JSON: {_excerpt(answer.body)}. Is {endpoint.url} the model's address?",
            answer.status,
        ) from None
    said = _first(value)
    bento, model = _text(said.get("bento")), _text(said.get("model"))
    who = identity_of(answer.headers, bento, endpoint)
    return Prediction(value, who.release, who.digest, model or endpoint.model, seconds, bento)


def identity_of(headers: Mapping[str, str], bento: str, endpoint: Endpoint) -> Identity:
    """Return which release answered: by the headers, else by the bento that the answer names, else the serving one."""
    if RELEASE_HEADER in headers:
        return Identity(headers[RELEASE_HEADER], headers.get(DIGEST_HEADER, ""))
    return endpoint.of_bento(bento) or Identity("", "")


def error_of(answer: Answer, endpoint: Endpoint, path: str) -> ClientError:
    """Return the error for an answer of a status other than 200."""
    model, status, said = endpoint.model, answer.status, _sentence(answer.body)
    wait = retry_after(answer.headers)
    if status in (400, 422):
        return _bad_input(model, answer.body, said)
    if status == 429 or (status == 503 and wait is not None):
        when = "in a moment" if wait is None else f"in {wait:g} s"
        return Overloaded(
            model, f"{model} has too many requests: {said}. Ask again {when}, or give it more replicas.", wait
        )
    if status == 503:
        return NotReady(model, f"{model} is not ready: {said}. Look at `kubectl e2i status {model}`.")
    if status == 404:
        return ModelNotFound(
            model,
            f"{model} has no route {path} at {endpoint.url}: {said}. "
            f"{endpoint.base.origin()}/docs.json lists what there is.",
        )
    if status < 500:
        return Refused(model, f"{model} refused the request ({status}): {said}. Correct the request.", status)
    return ModelFailed(
        model, f"{model} could not answer ({status}): {said}. Look at `kubectl e2i logs {model}`.", status
    )


def _bad_input(model: str, body: bytes, said: str) -> BadInput:
    problems = tuple(_problems(body))
    if not problems:
        return BadInput(model, f"{model} refuses the input: {said}. Correct it.")
    shown = "; ".join(
        f"{one.field}: {one.message}" if one.field else one.message for one in problems[:_SHOWN]
    )
    more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return BadInput(model, f"{model} refuses the input: {shown}{more}. Correct it.", problems)


def _problems(body: bytes) -> Iterator[InputProblem]:
    """Yield what BentoML says of each wrong field."""
    detail = _mapping(body).get("detail")
    for item in detail if isinstance(detail, list) else ():
        if isinstance(item, Mapping) and isinstance(item.get("loc"), list):
            where = [str(part) for part in item["loc"]]
            # The first part is the parameter of the method, which the client adds by itself.
            yield InputProblem(".".join(where[1:] or where), str(item.get("msg", "wrong")))


def _sentence(body: bytes) -> str:
    """Return what an answer says of itself, without a full stop."""
    said = _mapping(body).get("error")
    return (said if isinstance(said, str) and said else _excerpt(body)).rstrip(".")


def _mapping(body: bytes) -> Mapping[str, Any]:
    try:
        return _first(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _first(value: object) -> Mapping[str, Any]:
    """Return the mapping, or the first of a list of them: a batch, or an error that a method of BentoML raised."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, Mapping) else {}


def _excerpt(body: bytes) -> str:
    words = " ".join(body[: 4 * _EXCERPT].decode(errors="replace").split())
    return repr(words[:_EXCERPT]) if words else "an empty answer"
