"""`backup` and `restore` as commands, on an API server that only keeps objects."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.builders import DIGEST

from e2i.api import naming
from e2i.api.model_body import parse_model
from e2i.api.restored import RESTORED_ANNOTATION
from e2i.cli.plugin import plugin, session
from e2i.kube import ApiError, Object, Resource
from e2i.kube.e2i_kinds import E2I_MODELS, PODS

SPEC = {"type": "Classification", "bento": {"tag": "churn:1"}}
METADATA = {"name": "churn", "namespace": "models", "uid": "churn"}
RELEASE = naming.release_of(parse_model({"metadata": METADATA, "spec": SPEC}), DIGEST)


class Server:
    """The objects of one cluster."""

    server = "https://here:6443"

    def __init__(self) -> None:
        self.models: dict[tuple[str, str], Object] = {}
        self.namespaces = {"models", "other"}
        self.forbidden: set[str] = set()
        self.conflicts = 0
        """Replacements that find a newer version."""
        self.writes: list[tuple[str, str]] = []
        self.validations: set[str] = set()

    def add(self, name: str, namespace: str = "models", **status: Any) -> None:
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": name,
            "generation": 1,
            "resourceVersion": "1",
        }
        body = {"apiVersion": naming.API_VERSION, "kind": naming.KIND, "metadata": metadata, "spec": SPEC}
        self.models[namespace, name] = body | {"status": status}

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = ""
    ) -> tuple[list[Object], str]:
        if resource.plural in self.forbidden:
            raise ApiError(403, "Forbidden", "you may not")
        found = [body for (place, _), body in self.models.items() if namespace in (None, place)]
        return (found if resource is E2I_MODELS else []), "1"

    async def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return self.models.get((namespace, name))

    async def request(
        self, method: str, path: str, *, body: Object | None = None, query: Mapping[str, str] | None = None
    ) -> Object:
        if body is None:
            return {"gitVersion": "v1.36.0"}
        metadata = body["metadata"]
        if metadata["namespace"] not in self.namespaces:
            raise ApiError(404, "NotFound", f'namespaces "{metadata["namespace"]}" not found')
        self.writes.append((method, path))
        self.validations.add((query or {}).get("fieldValidation", ""))
        if method == "PUT" and self.conflicts:
            self.conflicts -= 1
            raise ApiError(409, "Conflict", "the object has been modified")
        if "dryRun" not in (query or {}):
            self.models[metadata["namespace"], metadata["name"]] = body
        return body


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()

    @contextlib.asynccontextmanager
    async def connected(target: session.Target) -> AsyncIterator[session.Session]:
        yield session.Session(made, target.namespace or "models")  # type: ignore[arg-type]

    monkeypatch.setattr(session, "_connected", connected)
    return made


@pytest.fixture
def file(server: Server, tmp_path: Path) -> Path:
    """A backup of two models; afterwards the cluster has none."""
    entry = {"release": RELEASE, "bentoTag": "churn:1", "digest": DIGEST, "result": "Serving"}
    server.add("churn", servingRelease=RELEASE, history=[entry])
    server.add("new", "other")
    told = run("backup", "-A")
    assert told.exit_code == 0, told.output
    assert told.stderr == "The backup has 2 models of https://here:6443; without a release that serves: 1.\n"
    written = tmp_path / "models.yaml"
    written.write_text(told.stdout)
    server.models.clear()
    return written


def run(*words: str) -> Result:
    return CliRunner().invoke(plugin, list(words))


def test_models_are_created_with_a_note_of_what_served(server: Server, file: Path) -> None:
    told = run("restore", str(file))
    assert told.exit_code == 0, told.output
    assert f"[1/2] models/churn: created; release {RELEASE}" in told.stdout
    assert "[2/2] other/new: created; nothing served" in told.stdout
    assert "kubectl e2i status churn -n models -w" in told.stdout
    created = server.models["models", "churn"]
    assert RELEASE in created["metadata"]["annotations"][RESTORED_ANNOTATION]
    assert "uid" not in created["metadata"]
    assert "status" not in created


def test_repeated_it_writes_nothing(server: Server, file: Path) -> None:
    run("restore", str(file))
    server.writes.clear()
    told = run("restore", str(file))
    assert (told.exit_code, server.writes) == (0, [])
    assert told.stdout.count("is left as it is") == 2


def test_a_model_with_another_spec_is_named_and_nothing_is_written(server: Server, file: Path) -> None:
    server.add("new", "other")
    server.models["other", "new"]["spec"] = SPEC | {"replicas": 2}
    told = run("restore", str(file))
    assert (told.exit_code, server.writes) == (2, [])
    assert "another spec: other/new. Nothing was written" in told.stderr
    server.conflicts = 2
    told = run("restore", str(file), "--replace")
    assert (told.exit_code, server.models["other", "new"]["spec"]) == (0, SPEC)


def test_a_dry_run_asks_and_writes_nothing(server: Server, file: Path) -> None:
    told = run("restore", str(file), "--dry-run")
    assert (told.exit_code, server.models) == (0, {})
    assert len(server.writes) == 2
    assert "Can be restored: 2 of 2. Nothing was written" in told.stdout


def test_one_that_is_refused_does_not_hold_up_the_others(server: Server, file: Path) -> None:
    server.namespaces.remove("models")
    told = run("restore", str(file))
    assert (told.exit_code, list(server.models)) == (2, [("other", "new")])
    assert "There is no namespace models: restore it with its Secrets" in told.stderr


def test_a_namespace_is_chosen_and_another_one_is_the_place(server: Server, file: Path) -> None:
    told = run("restore", str(file), "-n", "models", "--map", "models=other")
    assert (told.exit_code, list(server.models)) == (0, [("other", "churn")]), told.output
    told = run("restore", str(file), "-n", "nowhere")
    assert told.exit_code == 2
    assert "It has models, other." in told.stderr


def test_a_file_that_is_cut_at_the_end_of_any_line_is_refused(server: Server, file: Path) -> None:
    """What is left is YAML, of fewer models or without history: it looked whole."""
    whole = file.read_text()
    lines = whole.splitlines(keepends=True)
    assert (lines[0], lines[-1]) == ("---\n", "...\n")
    for end in range(1, len(lines)):
        file.write_text("".join(lines[:end]))
        told = run("restore", str(file))
        assert (told.exit_code, server.writes) == (2, []), end
        assert "is cut: its last line is not ... Take the whole file." in told.stderr
    # As earlier versions wrote it, and as other tools do.
    file.write_text("".join(lines[1:-1]))
    assert run("restore", str(file)).exit_code == 0


def test_two_models_that_would_come_to_one_place_are_refused(server: Server, file: Path) -> None:
    file.write_text(file.read_text().replace("name: new", "name: churn"))
    told = run("restore", str(file), "--map", "models=other")
    assert (told.exit_code, server.writes) == (2, [])
    assert "models/churn and other/churn would both become other/churn. Nothing was written" in told.stderr


def test_a_field_that_the_cluster_does_not_know_is_not_dropped_unseen(server: Server, file: Path) -> None:
    run("restore", str(file))
    assert server.validations == {"Strict"}


def test_what_may_not_be_read_is_a_note(server: Server) -> None:
    server.add("churn")
    server.forbidden.add(PODS.plural)
    told = run("backup")
    assert told.exit_code == 0
    assert "Note: pods cannot be read here: what they know is left out." in told.stderr


def test_without_models_there_is_no_backup(server: Server) -> None:
    told = run("backup", "-n", "other")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "There are no E2IModels in the namespace other" in told.stderr
