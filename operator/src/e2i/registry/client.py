"""The MLflow registry. Only this module imports mlflow, and only on use, because the import takes 4 s."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2i.registry.uri import ModelUri, parse_model_uri

TRAINED = "trained"
REFERENCE = "reference"
"""Folders of a run's artifacts."""
SERVING_ALIAS = "serving"
DIGEST_TAG = "e2i.trained"
BENTO_TAG = "e2i.bento"
_QUIET = {
    # No usage data for the makers of MLflow; an unreachable server is reported within a minute.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


class RegistryError(Exception):
    """A request to the registry failed; `message` has the registry and the cause."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotRegistered(RegistryError):
    """The registry has no such model, version or alias."""


class RegistryUnreachable(RegistryError):
    """The tracking server does not answer."""


@dataclass(frozen=True)
class Fetched:
    """A downloaded model of the registry. `folder` has its files; `tags` are the tags of its version."""

    name: str
    version: str
    folder: Path
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Registration:
    """Content of a new model version. `folders` are uploaded as artifacts, each under its key."""

    digest: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    folders: Mapping[str, Path]


def tracking_uri(folder: Path) -> str:
    """Return MLFLOW_TRACKING_URI, or the URI of a database file in `folder`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve()}/mlflow.db"


def register(uri: str, name: str, logged: Registration, local_artifacts: Path) -> str:
    """Register a model and return the number of its version; for a registered digest return the existing one.

    `local_artifacts` is the folder for the files if `uri` is a database file; a server has its own place for them.
    """
    with _client(uri) as client:
        _ensure_model(client, name)
        found = client.search_model_versions(f"name='{name}' and tags.`{DIGEST_TAG}`='{logged.digest}'")
        if found:
            return str(found[0].version)
        run = client.create_run(_experiment(client, uri, name, local_artifacts), tags=dict(logged.tags))
        for key, value in logged.params.items():
            client.log_param(run.info.run_id, key, value)
        for key, number in logged.metrics.items():
            client.log_metric(run.info.run_id, key, number)
        for folder, path in logged.folders.items():
            client.log_artifacts(run.info.run_id, str(path), folder)
        client.set_terminated(run.info.run_id)
        tags = {**logged.tags, DIGEST_TAG: logged.digest}
        source = f"{run.info.artifact_uri}/{TRAINED}"
        return str(client.create_model_version(name, source, run_id=run.info.run_id, tags=tags).version)


def mark_version(uri: str, name: str, version: str, *, bento: str, serving: bool = False) -> None:
    """Tag a version with its bento; with `serving` also give it the alias models:/NAME@serving."""
    with _client(uri) as client:
        client.set_model_version_tag(name, version, BENTO_TAG, bento)
        if serving:
            client.set_registered_model_alias(name, SERVING_ALIAS, version)


def uri_of_bento(uri: str, name: str, bento: str) -> str | None:
    """Return models:/NAME/VERSION of the version that is tagged with this bento, or None."""
    with _client(uri) as client:
        found = client.search_model_versions(f"name='{name}' and tags.`{BENTO_TAG}`='{bento}'")
    return f"models:/{name}/{found[0].version}" if found else None


def serving_bento(uri: str, name: str) -> str | None:
    """Return the bento of models:/NAME@serving, or its models:/ URI if it has none; None without the alias."""
    with _client(uri) as client:
        model = next(iter(client.search_registered_models(f"name='{name}'")), None)
        if model is None or SERVING_ALIAS not in model.aliases:
            return None
        version = client.get_model_version(name, str(model.aliases[SERVING_ALIAS]))
    return version.tags.get(BENTO_TAG) or f"models:/{name}/{version.version}"


def fetch(text: str, folder: Path, uri: str | None = None, part: str = TRAINED) -> Fetched:
    """Download the model models:/NAME/3, models:/NAME@alias or mlflow://models/NAME/3 into `folder`.

    ValueError for another text. With `part` REFERENCE the reference rows are downloaded instead.
    """
    wanted = parse_model_uri(text)
    if wanted is None:
        raise ValueError(
            f"{text} is not the URI of a registered model: write models:/NAME/3 or models:/NAME@alias"
        )
    with _client(uri or tracking_uri(folder)) as client:
        version = _version(client, wanted)
        import mlflow

        source = version.source if part == TRAINED else f"{version.source.rpartition('/')[0]}/{part}"
        folder.mkdir(parents=True, exist_ok=True)
        path = mlflow.artifacts.download_artifacts(
            artifact_uri=source, dst_path=str(folder), tracking_uri=client.tracking_uri
        )
    return Fetched(wanted.name, str(version.version), Path(path), dict(version.tags))


def _version(client: Any, wanted: ModelUri) -> Any:
    if wanted.alias:
        return client.get_model_version_by_alias(wanted.name, wanted.alias)
    return client.get_model_version(wanted.name, wanted.version)


def _ensure_model(client: Any, name: str) -> None:
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)


def _experiment(client: Any, uri: str, name: str, local_artifacts: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    local = uri.startswith("sqlite:")
    return str(client.create_experiment(name, local_artifacts.resolve().as_uri() if local else None))


@contextlib.contextmanager
def _client(uri: str) -> Iterator[Any]:
    """Yield a client, and raise errors of mlflow as RegistryError."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # mlflow warns about its own internals.
        warnings.simplefilter("ignore")
        try:
            from mlflow import MlflowClient
        except ModuleNotFoundError as error:
            raise RegistryError(
                f"The package {error.name} is missing: install e2i-operator[pipeline]."
            ) from error
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        try:
            yield MlflowClient(uri, uri)
        except Exception as error:
            raise _as_registry_error(error, uri) from error


def _as_registry_error(error: Exception, uri: str) -> RegistryError:
    if isinstance(error, RegistryError):
        return error
    place = f"The MLflow registry {uri.rpartition('@')[2]}"
    text = " ".join(str(error).split())[:300]
    code = getattr(error, "error_code", "")
    if code == "RESOURCE_DOES_NOT_EXIST" or (code == "INVALID_PARAMETER_VALUE" and "alias" in text):
        return NotRegistered(
            f"{place} does not have it: {text}. Look at the registered models, and correct the name."
        )
    if any(word in text for word in ("Max retries", "Connection", "timed out", "failed with exception")):
        return RegistryUnreachable(
            f"{place} does not answer: {text}. Check MLFLOW_TRACKING_URI and the server."
        )
    return RegistryError(f"{place} refused: {type(error).__name__}: {text}.")
