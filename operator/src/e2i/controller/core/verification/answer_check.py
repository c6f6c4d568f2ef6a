"""Checks one answer of a model against one golden prediction and the contract. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.evidence.excerpts import excerpt
from e2i.controller.core.evidence.redaction import redact
from e2i.controller.core.verification import jsontext
from e2i.controller.core.verification.checks import Check, Contract
from e2i.controller.core.verification.comparison import Difference, differences, field_differences
from e2i.controller.core.verification.contract import contract_differences
from e2i.controller.core.verification.lost_numbers import lost_numbers
from e2i.controller.core.verification.told_errors import error_instead, told_error

_PLACE, _VALUE = 100, 200
"""Characters of a place and of a value in a message."""
_ADVICE = {
    Reason.VerificationFailed: "If the answer is right, correct {place}.expect; if not, release a bento that gives "
    "the expected one.",
    Reason.VerificationError: "Correct the service, or the request in {place}.",
    Reason.PredictionNotFinite: "Release a bento that answers this request with finite numbers.",
    Reason.ContractBroken: "Release a bento that answers in this form, or name in spec.rollout.contract the paths "
    "of its parts. If the answer is no prediction, write {place}.prediction: false.",
}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    truncated: bool = False
    """The body is longer than the part that was read."""
    media_type: str = "application/json"

    @property
    def is_plain(self) -> bool:
        """Whether it is plain text, as BentoML sends a prediction that is a str."""
        return self.media_type == "text/plain"


def judge(
    check: Check, contract: Contract | None, kind: str, answer: Answer, secrets: tuple[str, ...] = ()
) -> Problem | None:
    """Return the first thing that is wrong with the answer, or None.

    `kind` is Classification, Regression or Causal. No message shows one of the `secrets`.
    """
    difference = next(_differences(check, contract or Contract(), kind, answer), None)
    if difference is None:
        return None
    told = _told_words(answer, difference, secrets)
    place = excerpt(difference.place, _PLACE, secrets)
    wanted, found = (excerpt(words, _VALUE, secrets) for words in (difference.wanted, difference.found))
    advice = difference.hint or _ADVICE[difference.reason].format(place=check.place)
    message = f"{check.title}: {place} should be {wanted}, but is {found}. {told}{advice}"
    return Problem(reason=difference.reason, message=redact(message, secrets), stalled=True)


def _differences(check: Check, contract: Contract, kind: str, answer: Answer) -> Iterator[Difference]:
    if answer.status != check.expect.status:
        return iter([_wrong_status(check, answer)])
    if not _is_read(check, contract, answer):
        return iter(())
    try:
        value = _read(answer)
    except jsontext.JsonInvalid as error:
        return iter([_not_json(error, answer)])
    return chain(
        _not_finite(value),
        _unexpected(check, value),
        _no_prediction(check, contract, kind, value) if _is_prediction(check, answer) else (),
    )


def _no_prediction(
    check: Check, contract: Contract, kind: str, value: jsontext.Value
) -> Iterator[Difference]:
    yield from contract_differences(contract, kind, value)
    yield from lost_numbers(check, value)
    yield from error_instead(check, contract, kind, value)


def _told_words(answer: Answer, difference: Difference, secrets: tuple[str, ...]) -> str:
    """Return what the answer says of an error in a place other than that of the difference, as a sentence."""
    try:
        told = told_error(_read(answer))
    except jsontext.JsonInvalid:
        return ""
    # A wrong status is shown with the whole answer.
    if told is None or difference.place in (told[0], "the status"):
        return ""
    return f"Its {told[0]} is {excerpt(told[1], _VALUE, secrets)}. "


def _is_prediction(check: Check, answer: Answer) -> bool:
    return check.prediction and 200 <= answer.status < 300


def _is_read(check: Check, contract: Contract, answer: Answer) -> bool:
    """Return whether the content is judged. A check of nothing but the status may be answered by an image."""
    if check.expect.reads_content:
        return True
    may_be_anything = not answer.media_type.endswith("json") and not answer.is_plain and not contract.paths
    return _is_prediction(check, answer) and not may_be_anything


def _wrong_status(check: Check, answer: Answer) -> Difference:
    words = "a redirect, which is not followed" if 300 <= answer.status < 400 else _words(answer)
    return Difference(
        reason=Reason.VerificationError if answer.status >= 500 else Reason.VerificationFailed,
        place="the status",
        wanted=str(check.expect.status),
        found=f"{answer.status}: {words}",
        hint=_advice_of_status(check, answer.status) if check.expect.status < 300 else "",
    )


def _advice_of_status(check: Check, status: int) -> str:
    """Return what to correct in the check itself where the status says that its request is wrong, else nothing."""
    if status in (404, 405):
        return (
            f"Name a route of the bento in {check.place}.path (GET /docs.json lists them), or release a bento that "
            "has this one."
        )
    if status in (400, 415, 422):
        return f"Correct {check.place}.body, or release a bento that takes it."
    return ""


def _not_json(error: jsontext.JsonInvalid, answer: Answer) -> Difference:
    words = f"not ({error}): {_words(answer)}"
    return Difference(reason=Reason.VerificationError, place="the answer", wanted="JSON", found=words)


def _words(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace").strip() or "nothing"


def _read(answer: Answer) -> jsontext.Value:
    if answer.truncated:
        raise jsontext.JsonInvalid(f"longer than {len(answer.body)} bytes")
    try:
        text = answer.body.decode()
    except UnicodeDecodeError as error:
        raise jsontext.JsonInvalid(f"no UTF-8 at byte {error.start + 1}") from None
    try:
        return jsontext.read(text)
    except jsontext.JsonInvalid:
        if answer.is_plain:
            return text
        raise


def _not_finite(value: jsontext.Value) -> Iterator[Difference]:
    for place, number in jsontext.not_finite(value):
        yield Difference(
            reason=Reason.PredictionNotFinite,
            place=place,
            wanted="a finite number",
            found=jsontext.show(number),
        )


def _unexpected(check: Check, value: jsontext.Value) -> Iterator[Difference]:
    expect = check.expect
    if expect.body is not None:
        yield from differences(expect.body.value, value, expect.tolerance)
    if expect.subset is not None:
        yield from differences(expect.subset.value, value, expect.tolerance, subset=True)
    for rule in expect.fields:
        yield from field_differences(rule, value, expect.tolerance)
