"""What is taken out of text of others before it is shown, and what is left."""

from __future__ import annotations

import time

import pytest

from e2i.controller.core.evidence.redaction import redact

SIGNED = (
    "GET https://s3.example/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F2026"
    "&X-Amz-Expires=60&X-Amz-Security-Token=FwoGZXIvYXdzEJr&X-Amz-Signature=fe5f80f77d5fa3be failed"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("used AKIAIOSFODNN7EXAMPLE today", "used *** today", id="an AWS access key"),
        pytest.param("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = ***",
                     id="an AWS secret key in a file of credentials"),
        pytest.param("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***", id="a bearer token"),
        pytest.param("authorization='Basic dXNlcjpwYXNz'", "authorization='Basic ***'", id="a basic password"),
        pytest.param("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s1gn", "jwt ***", id="a JSON web token"),
        pytest.param("postgres://app:s3cr@t@db:5432/x", "postgres://app:***@db:5432/x", id="a password in a URL"),
        pytest.param("redis://:pa55@cache/0", "redis://:***@cache/0", id="a password without a user"),
        pytest.param(SIGNED, "GET https://s3.example/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=***"
                     "&X-Amz-Expires=60&X-Amz-Security-Token=***&X-Amz-Signature=*** failed", id="a signed URL"),
        pytest.param("DB_PASSWORD=hunter2 dbpassword=x PORT=3000", "DB_PASSWORD=*** dbpassword=*** PORT=3000",
                     id="an environment"),
        pytest.param('{"api_key": "a b\\"c", "n": 1}', '{"api_key": ***, "n": 1}', id="a JSON field"),
        pytest.param(r'said {\"token\": \"abc\", \"n\": 1}', r'said {\"token\": ***, \"n\": 1}',
                     id="JSON within JSON"),
        pytest.param("{'token': 'abc', 'n': 1}", "{'token': ***, 'n': 1}", id="a printed dict"),
        pytest.param("pushed with ghp_0123456789abcdefABCD", "pushed with ***", id="a token of a code host"),
        pytest.param("a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb", "a\n***\nb",
                     id="a private key"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nMII\ncut", "***", id="a private key that was cut"),
    ],
)  # fmt: skip
def test_what_has_the_form_of_a_secret_is_not_shown(text: str, shown: str) -> None:
    assert redact(text, ()) == shown
    assert redact(shown, ()) == shown, "what is redacted twice stays as it is"


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'features'",
        "loaded tokenizer=bert-base-uncased, max_tokens: 512",
        'secret "churn" not found',
        "POST /predict -> 200: {\"label\": \"stay\", \"probabilities\": [0.25, 0.75]}",
        "see https://docs.example/a:b and mail me@example.org",
        "the design=flat",
        "authorization failed: ask somebody",
    ],
)  # fmt: skip
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text, ()) == text


def test_known_values_go_in_every_form() -> None:
    text = "plain p@ss/word, quoted p%40ss%2Fword, path p%40ss/word"
    assert redact(text, ("p@ss/word",)) == "plain ***, quoted ***, path ***"


def test_a_known_value_goes_as_json_writes_it() -> None:
    assert redact(r'{"said": "pa\"ss"}', ('pa"ss',)) == '{"said": "***"}'


def test_the_longer_of_two_known_values_goes_whole() -> None:
    assert redact("is abcdefgh", ("abcd", "abcdefgh")) == "is ***"


def test_each_line_of_a_known_value_goes_for_itself() -> None:
    assert redact("saw line-two only", ("line-one\nline-two\n",)) == "saw *** only"


def test_known_values_too_short_to_tell_from_words_stay() -> None:
    assert redact("a 200 answer", ("", "a", " ", "200")) == "a 200 answer"


@pytest.mark.parametrize(
    "piece", ["secret", "token=", "://", "://a:", "eyJ", "-----BEGIN ", '"\\', "authorization "]
)
def test_a_hostile_text_costs_no_time(piece: str) -> None:
    text = piece * (65536 // len(piece))
    before = time.process_time()
    redact(text, ())
    assert time.process_time() - before < 1
