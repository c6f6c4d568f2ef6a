"""Tags are exact or refused, each refusal with its own reason and a sentence with the value."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from e2i.api.tags import Tag, TagReason, TagRefused, parse_tag


@pytest.mark.parametrize("text", ["a:1", "churn_model:1.4.2", "x-y.z_0:2024-01-01", f"{'n' * 63}:{'v' * 63}"])
def test_an_exact_tag_is_taken_as_it_is(text: str) -> None:
    assert str(parse_tag(text)) == text


def test_a_tag_is_split_at_its_colon() -> None:
    assert parse_tag("churn_model:1.4.2") == Tag("churn_model", "1.4.2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", TagReason.EMPTY, id="nothing"),
        pytest.param("churn", TagReason.VERSION_MISSING, id="only a name"),
        pytest.param("churn:", TagReason.VERSION_MISSING, id="an empty version"),
        pytest.param("churn:latest", TagReason.LATEST, id="latest"),
        pytest.param("churn:Latest", TagReason.LATEST, id="latest in upper case"),
        pytest.param("Churn:1", TagReason.UPPER_CASE, id="upper case in the name"),
        pytest.param("churn:V1", TagReason.UPPER_CASE, id="upper case in the version"),
        pytest.param("churn:1\n", TagReason.WHITE_SPACE, id="a trailing newline"),
        pytest.param(" churn:1", TagReason.WHITE_SPACE, id="a leading blank"),
        pytest.param("churn:1\n  privileged: true", TagReason.WHITE_SPACE, id="an injected line"),
        pytest.param("churn:1\u00a0", TagReason.WHITE_SPACE, id="a no-break space"),
        pytest.param(":1", TagReason.MALFORMED, id="an empty name"),
        pytest.param("../../other/x:1", TagReason.MALFORMED, id="a path"),
        pytest.param("a//b:1", TagReason.MALFORMED, id="slashes"),
        pytest.param("a:b:c", TagReason.MALFORMED, id="two colons"),
        pytest.param("a%2f..:1", TagReason.MALFORMED, id="an escaped slash"),
        pytest.param("x$(curl:1", TagReason.MALFORMED, id="a shell's words"),
        pytest.param("-a:1", TagReason.MALFORMED, id="a dash at the start"),
        pytest.param("a:1.", TagReason.MALFORMED, id="a dot at the end"),
        pytest.param("ä:1", TagReason.MALFORMED, id="a letter beyond a-z"),
        pytest.param("a:\u0661", TagReason.MALFORMED, id="a digit beyond 0-9"),
        pytest.param("n" * 64 + ":1", TagReason.TOO_LONG, id="64 characters in the name"),
        pytest.param("n:" + "1" * 64, TagReason.TOO_LONG, id="64 characters in the version"),
    ],
)
def test_what_is_not_an_exact_tag_is_refused_with_its_reason(text: str, reason: TagReason) -> None:
    with pytest.raises(TagRefused) as refused:
        parse_tag(text)
    assert refused.value.reason is reason
    assert repr(text) in refused.value.message
    assert "\n" not in refused.value.message


def test_a_very_long_tag_is_not_repeated_whole() -> None:
    with pytest.raises(TagRefused) as refused:
        parse_tag("x" * 1_000_000)
    assert len(refused.value.message) < 300


@given(st.text(alphabet="aZ0._-: \n/$\x00", max_size=12) | st.text(max_size=12))
@example("a:1\n")
def test_whatever_is_taken_can_stand_in_a_key_and_in_a_shell(text: str) -> None:
    try:
        tag = parse_tag(text)
    except TagRefused:
        return
    assert re.fullmatch(r"[a-z0-9._-]+:[a-z0-9._-]+", str(tag))
    assert ".." not in (tag.name, tag.version)
