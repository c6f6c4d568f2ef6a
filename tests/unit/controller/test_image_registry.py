"""A registry is asked for the digest of a tag: a real HTTP server on loopback plays it."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.image_source import parse_image
from e2i.api.problem import Problem
from e2i.controller.edge import image_registry
from e2i.controller.edge.image_registry import ImageRegistry, RegistryError
from e2i.controller.edge.image_tags import read_accounts, resolve
from e2i.variables import BadSetting

DIGEST = f"sha256:{'9f' * 32}"
ACCOUNT = base64.b64encode(b"robot:hidden").decode()
Answer = tuple[int, dict[str, str], bytes]


class Registry:
    """Answers by a function of method and path, and keeps the requests."""

    def __init__(self) -> None:
        self.answer: Callable[[BaseHTTPRequestHandler], Answer] = lambda _: (404, {}, b"")
        self.asked: list[tuple[str, str, str]] = []
        """(method, path, Authorization)"""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
                status, headers, body = registry.answer(self)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def digest(self, account: str = "") -> str:
        accounts = {self.host: account} if account else {}
        registry = ImageRegistry({self.host: f"http://{self.host}"}, accounts)
        return registry.digest(parse_image(f"{self.host}/team/churn:1.0"))


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_the_digest_is_what_the_registry_says(registry: Registry) -> None:
    registry.answer = lambda _: (200, {"Docker-Content-Digest": DIGEST}, b"{}")
    assert registry.digest() == DIGEST
    assert registry.asked == [("HEAD", "/v2/team/churn/manifests/1.0", "")]


def test_a_registry_that_says_no_digest_is_asked_for_the_manifest_itself(registry: Registry) -> None:
    registry.answer = lambda _: (200, {"Docker-Content-Digest": "sha512:00"}, b"manifest")
    assert registry.digest() == f"sha256:{hashlib.sha256(b'manifest').hexdigest()}"


def test_a_token_is_fetched_where_the_registry_says_with_its_account(registry: Registry) -> None:
    def answer(asked: BaseHTTPRequestHandler) -> Answer:
        if asked.path.startswith("/token"):
            return 200, {}, json.dumps({"token": "t0ken"}).encode()
        if asked.headers.get("Authorization") == "Bearer t0ken":
            return 200, {"Docker-Content-Digest": DIGEST}, b"{}"
        challenge = f'Bearer realm="http://{registry.host}/token",service="r",scope="repository:other:pull"'
        return 401, {"WWW-Authenticate": challenge}, b""

    registry.answer = answer
    assert registry.digest(ACCOUNT) == DIGEST
    _, token, _ = registry.asked
    assert token == ("GET", "/token?scope=repository%3Ateam%2Fchurn%3Apull&service=r", f"Basic {ACCOUNT}")


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ((404, {}, b""), Reason.ImageNotFound, "has no image team/churn:1.0"),
        ((401, {"WWW-Authenticate": "Basic"}, b""), Reason.RegistryAccessDenied, "E2I_REGISTRY_AUTH"),
        ((403, {}, b""), Reason.RegistryAccessDenied, "(403)"),
        ((503, {}, b""), Reason.RegistryUnreachable, "status 503"),
        ((307, {"Location": "http://169.254.169.254/"}, b""), Reason.RegistryUnreachable, "status 307"),
        (
            (401, {"WWW-Authenticate": 'Bearer realm="file:///etc/passwd"'}, b""),
            Reason.RegistryUnreachable,
            "sends for tokens to 'file:///etc/passwd'",
        ),
    ],
    ids=["not there", "unauthorized", "forbidden", "away", "a redirect", "a token from a file"],
)
def test_what_a_registry_refuses_has_a_reason_and_the_next_step(
    registry: Registry, answer: Answer, reason: Reason, words: str
) -> None:
    registry.answer = lambda _: answer
    with pytest.raises(RegistryError) as refused:
        registry.digest(ACCOUNT)
    assert refused.value.reason is reason
    assert words in refused.value.message
    assert ACCOUNT not in refused.value.message


@pytest.mark.parametrize("token", [b"", b"[]", b'{"token": 1}', b'{"token": "a\\nb"}', b"[" * 100_000])
def test_a_token_that_is_none_is_named(registry: Registry, token: bytes) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token"'}
    registry.answer = lambda asked: (200, {}, token) if "/token" in asked.path else (401, challenge, b"")
    with pytest.raises(RegistryError) as refused:
        registry.digest()
    assert refused.value.reason is Reason.RegistryUnreachable


def test_an_endless_manifest_is_not_read_to_its_end(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_registry, "LARGEST", 10)
    registry.answer = lambda _: (200, {}, b"x" * 100)
    with pytest.raises(RegistryError, match="more than 10 bytes"):
        registry.digest()


def test_a_registry_that_is_not_there_is_unreachable_and_asked_again(registry: Registry) -> None:
    registry.server.server_close()
    asked = ImageRegistry({registry.host: f"http://{registry.host}"}, {})
    found = resolve(f"churn:1@docker://{registry.host}/churn:1", asked, (registry.host,))
    assert isinstance(found, Problem)
    assert (found.reason, found.stalled) == (Reason.RegistryUnreachable, False)


def test_no_registry_is_asked_that_the_settings_do_not_name(registry: Registry) -> None:
    found = resolve(f"churn:1@docker://{registry.host}/churn:1", ImageRegistry({}, {}), ("other.example",))
    assert isinstance(found, Problem)
    assert (found.reason, found.stalled, registry.asked) == (Reason.ImageTagRefused, True, [])


def test_the_artifact_of_a_tag_has_the_digest_and_keeps_the_tag(registry: Registry) -> None:
    registry.answer = lambda _: (200, {"Docker-Content-Digest": DIGEST}, b"{}")
    asked = ImageRegistry({registry.host: f"http://{registry.host}"}, {})
    found = resolve(f"churn:1@docker://{registry.host}/churn:2", asked, (registry.host,))
    assert isinstance(found, Artifact)
    assert (found.tag, found.image) == ("churn:1", f"{registry.host}/churn:2")
    assert found.pinned_image == f"{registry.host}/churn@{DIGEST}"


def test_accounts_are_those_that_docker_login_wrote(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {"r.example": {"auth": ACCOUNT}, "helped.example": {}}}))
    assert read_accounts(file) == {"r.example": ACCOUNT}
    assert read_accounts(None) == {}


@pytest.mark.parametrize("text", ["", "{}", '{"auths": []}', '{"auths": {"r": "x"}}'])
def test_a_file_without_accounts_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(BadSetting, match="docker login"):
        read_accounts(file)
