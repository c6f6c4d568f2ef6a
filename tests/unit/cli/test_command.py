"""The program itself: help, completion, and errors of cluster and kubeconfig."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2i.cli.plugin import session
from e2i.cli.plugin.errors import CommandError, explained_error
from e2i.kube import ApiError

PROGRAM = [sys.executable, "-c", "from e2i.cli.plugin import main; main()"]
CONFIG = (
    "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: t}}]\n"
    "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
)


def run(
    *arguments: str, home: Path = Path("/nonexistent"), **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST")
    }
    return subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env={**clean, "HOME": str(home), **environment},
        timeout=60,
        check=False,
    )


def test_help_names_every_command() -> None:
    done = run("--help")
    for command in ("status", "history", "undo", "retry", "promote", "pause", "resume", "plan", "completion"):
        assert f"\n  {command} " in done.stdout


def test_help_imports_no_client_of_the_api() -> None:
    code = (
        "import sys; from e2i.cli.plugin import plugin; plugin(['--help'], standalone_mode=False); "
        "print([name for name in ('aiohttp', 'kubernetes', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    [("status", "churn"), ("history", "churn"), ("undo", "churn"), ("retry", "churn"), ("pause", "churn")],
    ids=lambda command: command[0],
)
def test_without_a_kubeconfig_one_line_says_so(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: There is no kubeconfig:")
    assert len(done.stderr.splitlines()) == 1


def test_a_cluster_out_of_reach_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(CONFIG)
    done = run("status", "churn", "--kubeconfig", str(config))
    assert done.returncode == 2
    assert done.stderr.startswith("Error: API server https://127.0.0.1:1:")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [("churn/status",), ("churn", "-n", "../x")], ids=["a name", "a namespace"]
)
def test_a_name_is_no_path(arguments: tuple[str, ...]) -> None:
    done = run("status", *arguments)
    assert done.returncode == 2
    assert "is not a valid name" in done.stderr


def test_plan_wants_one_source() -> None:
    done = run("plan")
    assert done.returncode == 2
    assert "Name a manifest with -f or a folder with -k" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_come_for_every_shell(shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert "kubectl-e2i" in done.stdout
    assert "_KUBECTL_E2I_COMPLETE" in done.stdout


def test_kubectls_hook_asks_the_plugin() -> None:
    assert 'exec kubectl-e2i complete -- "$@"' in run("completion", "kubectl").stdout


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("pro",), ["promote\tEnd the pause of a canary.", ":4"]),
        (("status", "chu"), [":4"]),
        (("history", "churn", "-o", "w"), ["wide", ":4"]),
        (("plan", "-f", ""), [":0"]),
        (("completion", "z"), ["zsh", ":4"]),
    ],
    ids=["a command", "a name, without a cluster", "a choice", "a file", "a shell"],
)
def test_kubectl_gets_completions_of_words(words: tuple[str, ...], answer: list[str]) -> None:
    assert run("complete", "--", *words).stdout.splitlines() == answer


@pytest.mark.parametrize(
    ("status", "reason", "message", "sentence"),
    [
        (0, "Unreachable", "API server https://x: refused", "Is the cluster up?"),
        (
            0,
            "BadCertificate",
            "The certificate of x is not accepted: it has expired",
            "Renew it at the server",
        ),
        (401, "Unauthorized", "Unauthorized", "does not accept your credentials"),
        (403, "Forbidden", 'e2imodels "churn" is forbidden: User "u" cannot get', "Ask for a role"),
        (404, "Not Found", "404 page not found", "their CRD is not installed"),
        (404, "NotFound", "the server could not find the requested resource", "their CRD is not installed"),
        (404, "NotFound", 'namespaces "x" not found', "There is no namespace x in this cluster"),
        (409, "Conflict", "the object has been modified", "run the command again"),
        (429, "TooManyRequests", "storage is (re)initializing", "in a moment"),
        (500, "InternalError", "etcd", "The API server refused: etcd"),
    ],
)
def test_each_refusal_has_a_sentence_with_a_next_step(
    status: int, reason: str, message: str, sentence: str
) -> None:
    fault = explained_error(status, reason, message)
    assert sentence in fault.message
    assert fault.exit_code == 2


def test_a_busy_server_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_text(CONFIG)
    monkeypatch.setattr(session, "LONGEST_WAIT", 0.0)
    tried: list[str] = []

    async def action(opened: session.Session) -> str:
        tried.append(opened.namespace)
        if len(tried) < session.TRIES:
            raise ApiError(429, "TooManyRequests", "storage is (re)initializing", 1.0)
        return "answer"

    assert session.in_session(session.Target(kubeconfig=config), action) == "answer"
    assert len(tried) == session.TRIES


def test_a_server_that_stays_busy_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_text(CONFIG)
    monkeypatch.setattr(session, "LONGEST_WAIT", 0.0)

    async def action(opened: session.Session) -> str:
        raise ApiError(429, "TooManyRequests", "storage is (re)initializing", 1.0)

    with pytest.raises(CommandError, match="The API server is busy"):
        session.in_session(session.Target(kubeconfig=config), action)
