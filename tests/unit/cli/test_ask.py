"""`kubectl e2i ask`: the request that is sent, the way it takes, and what is said when none leads to the model."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from support.model_bodies import NEW, NEW_TAG, churn, told

from e2i.cli.plugin.ask import read_body, read_request
from e2i.cli.plugin.delivery import Request, deliver
from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.readiness import default_route, example_of, require_route, unready_warning
from e2i.cli.plugin.routes import deliver_with_hint
from e2i.cli.plugin.session import Session, Target
from e2i.kube import Kube

SERVICE = "/api/v1/namespaces/models/services/churn"
PROXY = f"{SERVICE}:3000/proxy"
BODY = b'{"x":  1.50}'
PREDICT = Request(body=BODY, route="/predict", timeout=10)


@dataclass
class Server:
    """An HTTP server that plays the API server and the model behind it."""

    answers: dict[str, web.Response] = field(default_factory=dict)
    handlers: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = field(default_factory=dict)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    port: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        if handler := self.handlers.get(request.path):
            return await handler(request)
        self.requests.append((request.method, str(request.rel_url), await request.read()))
        return self.answers.get(request.path) or refusal(404, "NotFound", f"{request.path} not found")


def refusal(code: int, reason: str, message: str) -> web.Response:
    status = {"kind": "Status", "apiVersion": "v1", "reason": reason, "message": message, "code": code}
    return web.json_response(status, status=code)


def forbidden(verb: str, resource: str) -> web.Response:
    return refusal(403, "Forbidden", f'User "ada" cannot {verb} resource "{resource}"')


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@pytest.fixture
async def session(server: Server, tmp_path: Path) -> AsyncIterator[Session]:
    config = tmp_path / "config"
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.port}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    user = {"name": "u", "user": {"token": "t"}}
    document = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "c"}
    config.write_text(yaml.safe_dump(document))
    async with await Kube.from_kubeconfig(config) as kube:
        yield Session(kube, "models")


def a_kubectl(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> Path:
    """Put a program called kubectl on PATH; it writes its arguments into the file that is returned."""
    record = folder / "arguments"
    program = folder / "kubectl"
    head = [
        f"#!{sys.executable}",
        "import sys, time",
        f"open({str(record)!r}, 'w').write(' '.join(sys.argv[1:]))",
    ]
    program.write_text("\n".join([*head, *lines]))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return record


def listening(port: int) -> tuple[str, str]:
    return f"print('Forwarding from 127.0.0.1:{port} -> 3000', flush=True)", "time.sleep(60)"


async def test_the_api_servers_proxy_gets_the_bytes_as_they_are(server: Server, session: Session) -> None:
    server.answers[f"{PROXY}/predict"] = web.Response(body=b'{"y": 2.0}', status=200)
    delivered = await deliver(session, Target(), "churn", PREDICT)
    assert (delivered.response.status, delivered.response.body) == (200, b'{"y": 2.0}')
    assert server.requests[-1] == ("POST", f"{PROXY}/predict", BODY)
    assert delivered.way == "POST /predict through the API server's proxy"


async def test_without_a_body_it_is_a_get_with_its_query(server: Server, session: Session) -> None:
    server.answers[f"{PROXY}/info"] = web.Response(text="ok")
    request = Request(body=None, route="/info?full=yes", timeout=10)
    assert (await deliver(session, Target(), "churn", request)).response.body == b"ok"
    assert server.requests[-1][:2] == ("GET", f"{PROXY}/info?full=yes")


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_an_error_of_the_model_is_an_answer(server: Server, session: Session, status: int) -> None:
    """Its body is not one of the API server's refusals, so no other way is tried."""
    server.answers[f"{PROXY}/predict"] = web.Response(body=b'{"error": "no"}', status=status)
    delivered = await deliver(session, Target(), "churn", PREDICT)
    assert (delivered.response.status, delivered.response.body) == (status, b'{"error": "no"}')


@pytest.mark.parametrize(
    ("document", "route", "words"),
    [
        (
            '{"paths": {"/livez": {"get": {}}, "/embed": {"post": {}}}}',
            "/predict?x=1",
            "churn does not have POST /predict. It takes requests at /embed: choose one with --route.",
        ),
        ('{"paths": {"/embed": {"post": {}}}}', "/embed", "/embed takes a body: give it with -d."),
        ('{"paths": {"/livez": {"get": {}}}}', "/predict", ""),
        ("<html>", "/predict", ""),
        ("[]", "/predict", ""),
    ],
)
async def test_who_asks_for_a_route_that_the_model_does_not_have_is_told_those_it_has(
    server: Server, session: Session, document: str, route: str, words: str
) -> None:
    server.answers[f"{PROXY}/docs.json"] = web.Response(text=document)
    server.answers[f"{PROXY}{route.partition('?')[0]}"] = web.Response(status=404, text="Not Found")
    asked = Request(body=BODY, route=route, timeout=10)
    delivered, hint = await deliver_with_hint(session, Target(), "churn", asked, only_port_forward=False)
    assert (delivered.response.body, hint) == (b"Not Found", words)


PICTURES = json.dumps(
    {
        "paths": {
            "/predict": {
                "post": {
                    "requestBody": {
                        "content": {
                            "multipart/form-data": {
                                "schema": {
                                    "properties": {
                                        "picture": {"type": "string", "format": "binary"},
                                        "more": {"type": "array", "items": {"format": "binary"}},
                                        "size": {"type": "integer"},
                                    }
                                }
                            }
                        }
                    }
                }
            },
            "/rows": {"post": {"requestBody": {"content": {"application/json": {}}}}},
        }
    }
)
FORM = "multipart/form-data; boundary=x"
FIELDS = "/predict takes a form with these fields: -F picture=@FILE -F more=@FILE -F size=INTEGER"


@pytest.mark.parametrize(
    ("route", "content_type", "status", "document", "words"),
    [
        ("/predict", "application/json", 400, PICTURES, FIELDS),
        ("/predict", FORM, 400, PICTURES, FIELDS),
        ("/predict", FORM, 500, PICTURES, FIELDS),
        ("/predict", "application/json", 500, PICTURES, ""),
        ("/rows", FORM, 422, PICTURES, "/rows takes application/json and no form: give the body with -d."),
        ("/rows", "application/json", 400, PICTURES, ""),
        ("/predict", "application/json", 400, '{"paths": {"/predict": {"post": []}}}', ""),
        ("/predict", "application/json", 400, "<html>", ""),
    ],
)
async def test_who_sends_a_body_that_the_route_does_not_take_is_told_its_form(
    server: Server, session: Session, route: str, content_type: str, status: int, document: str, words: str
) -> None:
    server.answers[f"{PROXY}/docs.json"] = web.Response(text=document)
    server.answers[f"{PROXY}{route}"] = web.Response(status=status, text="no")
    asked = Request(body=BODY, route=route, timeout=10, content_type=content_type)
    delivered, hint = await deliver_with_hint(session, Target(), "churn", asked, only_port_forward=False)
    assert (delivered.response.body, hint) == (b"no", words)


async def test_a_form_reaches_the_model_as_curl_would_send_it(
    server: Server, session: Session, tmp_path: Path
) -> None:
    picture = tmp_path / 'a "b" ä.png'
    picture.write_bytes(b"\x89PNG\r\n\x00")
    given = ["size=3", f"picture=@{picture}", f"paper=@{picture};type=application/pdf"]
    body, content_type = read_request(None, given)
    seen: list[tuple[str | None, str | None, str, bytes]] = []

    async def model(request: web.Request) -> web.Response:
        async for part in await request.multipart():
            kind = part.headers.get("Content-Type", "")
            seen.append((part.name, part.filename, kind, bytes(await part.read())))
        return web.Response(text="ok")

    server.handlers[f"{PROXY}/predict"] = model
    request = Request(body=body, route="/predict", timeout=10, content_type=content_type)
    assert (await deliver(session, Target(), "churn", request)).response.body == b"ok"
    image = picture.read_bytes()
    assert seen == [
        ("size", None, "", b"3"),
        ("picture", "a %22b%22 ä.png", "image/png", image),
        ("paper", "a %22b%22 ä.png", "application/pdf", image),
    ]


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        (None, "picture", "-F picture is not valid: write FIELD=TEXT, or FIELD=@FILE for a file"),
        (None, "=@a.png", "-F =@a.png is not valid"),
        (None, "picture=@no such.png", "no such.png cannot be read: No such file"),
        ("{}", "size=3", "not both"),
    ],
)
def test_a_form_that_is_none_is_refused(data: str | None, field: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        read_request(data, [field])


async def test_a_service_of_this_machine_is_asked_directly(
    server: Server, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2i.cli.plugin.delivery.SERVICE_PORT", server.port)
    server.answers[SERVICE] = web.json_response({"spec": {"clusterIP": "127.0.0.1"}})
    server.answers["/predict"] = web.Response(text="directly")
    delivered = await deliver(session, Target(), "churn", PREDICT)
    assert delivered.response.body == b"directly"
    assert delivered.way == f"POST http://127.0.0.1:{server.port}/predict"


async def test_a_pod_of_the_local_cluster_is_never_asked_by_the_proxy(
    server: Server, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its 10.x.y.z may be a host of the user's network."""
    server.answers[SERVICE] = web.json_response({"spec": {"clusterIP": "127.9.9.9"}})
    a_kubectl(tmp_path, monkeypatch, "sys.exit('error: unable to forward')")
    with pytest.raises(CommandError, match=r"http://127.9.9.9:3000/predict: .* Nor does a port-forward work"):
        await deliver(session, Target(), "churn", PREDICT)
    assert not [path for _, path, _ in server.requests if "proxy" in path]


async def test_who_may_not_use_the_proxy_goes_by_port_forward(
    server: Server, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers[f"{PROXY}/predict"] = forbidden("create", "services/proxy")
    server.answers["/predict"] = web.Response(text="by port-forward")
    record = a_kubectl(tmp_path, monkeypatch, *listening(server.port))
    target = Target(context="prod", kubeconfig=Path("/k"))
    delivered = await deliver(session, target, "churn", PREDICT)
    assert delivered.response.body == b"by port-forward"
    assert record.read_text() == (
        "port-forward --context=prod --kubeconfig=/k --namespace=models --address=127.0.0.1 service/churn :3000"
    )


async def test_a_proxy_without_a_route_to_the_pods_is_passed_by(
    server: Server, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "error trying to reach service: dial tcp 10.1.2.3:3000: connect: no route to host"
    server.answers[f"{PROXY}/predict"] = refusal(503, "ServiceUnavailable", words)
    server.answers["/predict"] = web.Response(text="by port-forward")
    a_kubectl(tmp_path, monkeypatch, *listening(server.port))
    assert (await deliver(session, Target(), "churn", PREDICT)).response.body == b"by port-forward"


async def test_two_missing_rights_are_both_named(
    server: Server, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers[f"{PROXY}/predict"] = forbidden("create", "services/proxy")
    words = 'error: pods "churn-1" is forbidden: User "ada" cannot create resource "pods/portforward"'
    a_kubectl(tmp_path, monkeypatch, f"sys.exit({words!r})")
    with pytest.raises(CommandError) as caught:
        await deliver(session, Target(), "churn", PREDICT)
    assert "You may not create services/proxy in namespace models" in caught.value.message
    assert 'cannot create resource "pods/portforward"' in caught.value.message


async def test_a_port_forward_that_breaks_gives_kubectls_words(
    server: Server, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "print('error forwarding port 3000: pod is gone', file=sys.stderr, flush=True)", *listening(1)
    a_kubectl(tmp_path, monkeypatch, *lines)
    with pytest.raises(CommandError, match="kubectl: error forwarding port 3000: pod is gone"):
        await deliver(session, Target(), "churn", PREDICT, only_port_forward=True)


async def test_without_kubectl_the_missing_program_is_named(
    server: Server, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers[f"{PROXY}/predict"] = forbidden("create", "services/proxy")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match=r"needs kubectl on PATH"):
        await deliver(session, Target(), "churn", PREDICT)


async def test_a_service_without_ready_pods_is_not_tried_again(server: Server, session: Session) -> None:
    words = 'no endpoints available for service "churn:3000"'
    server.answers[f"{PROXY}/predict"] = refusal(503, "ServiceUnavailable", words)
    with pytest.raises(CommandError, match="No pod of churn is ready to take requests"):
        await deliver(session, Target(), "churn", PREDICT)


def test_a_ready_model_is_asked_without_a_word() -> None:
    assert unready_warning(churn()) is None


def test_a_parked_model_is_not_asked() -> None:
    model = churn(
        conditions=[told("Ready", "True", "Suspended", "."), told("ReleaseServing", "False", "Parked", ".")]
    )
    with pytest.raises(CommandError, match=r"kubectl scale e2im churn -n models --replicas=1$"):
        unready_warning(model)


def test_a_warning_says_what_is_wrong_and_which_release_answers() -> None:
    model = churn(conditions=[told("Ready", "False", "VerificationFailed", "it answered 3.")])
    assert unready_warning(model) == (
        f"churn is not Ready (VerificationFailed: it answered 3). Release {NEW} ({NEW_TAG}) serves and is asked."
    )


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        (
            [told("Ready", "False", "Building", "the image is built")],
            r"not Ready \(Building: the image is built\)",
        ),
        ([], "the operator has not seen it yet"),
    ],
    ids=["a first release", "no operator"],
)
def test_a_model_that_nothing_serves_is_not_asked(conditions: list[Any], words: str) -> None:
    with pytest.raises(
        CommandError, match=f"{words}.* no release of it serves. See kubectl e2i status churn"
    ):
        unready_warning(churn(servingRelease=None, conditions=conditions))


CHECKED = {"rollout": {"verify": [{"name": "one", "path": "/score", "body": "{\n 'a': 1}"}]}}


def test_the_route_is_that_of_the_first_check() -> None:
    assert default_route(churn(spec=CHECKED)) == "/score"
    assert default_route(churn()) == "/predict"


@pytest.mark.parametrize("route", ["predict", "/../../secrets", "/a/./b", "/a#b"])
def test_a_route_that_leads_elsewhere_is_refused(route: str) -> None:
    with pytest.raises(CommandError, match="is not valid"):
        require_route(churn(), BODY, route)


def test_a_query_may_have_dots() -> None:
    require_route(churn(), None, "/info?path=..")


def test_without_anything_to_ask_the_models_own_check_is_the_example() -> None:
    with pytest.raises(CommandError, match="kubectl e2i ask churn -n models -d"):
        require_route(churn(spec=CHECKED), None, None)


def test_the_example_of_a_route_is_the_body_of_a_check_that_asks_it() -> None:
    model = churn(spec={"rollout": {"verify": [{"path": "/score"}, {"body": '{"x":\n  1}'}]}})
    assert example_of(model, "/predict?x=1") == 'A body that it takes: {"x": 1}'
    assert example_of(model, "/score") == example_of(churn(), "/predict") == ""


def test_a_body_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\xff\x00")
    assert read_body(f"@{tmp_path / 'body'}") == b"\xff\x00"
    assert read_body(json.dumps({"ä": 1}, ensure_ascii=False)) == '{"ä": 1}'.encode()
    with pytest.raises(CommandError, match="cannot be read"):
        read_body(f"@{tmp_path / 'none'}")
