"""F0, the least that any operator could do: on a model's watch event write the two objects, and nothing else.

One keep-alive connection for the watch, one for the writes, no checks, no status. A program of its own, so that
it shares no interpreter with who measures it: `floor.py SERVER ACCOUNT PLAN`.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PLACE, NAME, UID = (
    "model-namespace-goes-here",
    "model-name-goes-here",
    "00000000-0000-0000-0000-000000000000",
)
"""What stands for the model's own values in the plan."""

START_WITHIN = 30.0

Model = dict[str, Any]


def main(arguments: list[str]) -> None:
    server, account = arguments[0], Path(arguments[1])
    plan = json.loads(Path(arguments[2]).read_text())
    headers = {"Authorization": f"Bearer {(account / 'token').read_text()}"}
    trust = ssl.create_default_context(cafile=str(account / "ca.crt"))
    watching, writing = (http.client.HTTPSConnection(server, context=trust) for _ in range(2))
    for model in created_models(watching, headers, collection(plan["model"])):
        for child in plan["children"]:
            text = filled(child["manifest"], model)
            name = json.loads(text)["metadata"]["name"]
            path = (
                f"{collection(child, model['namespace'])}/{name}?fieldManager={plan['manager']}&force=false"
            )
            apply(writing, headers, path, text)


def collection(kind: Model, namespace: str = "") -> str:
    place = f"namespaces/{namespace}/" if namespace else ""
    return f"/apis/{kind['group']}/{kind['version']}/{place}{kind['resource']}"


def filled(manifest: str, model: Model) -> str:
    for placeholder, value in ((PLACE, "namespace"), (NAME, "name"), (UID, "uid")):
        manifest = manifest.replace(placeholder, model[value])
    return manifest


def created_models(
    connection: http.client.HTTPSConnection, headers: dict[str, str], path: str
) -> Iterator[Model]:
    """The metadata of each model that is created, as a watch tells of it."""
    answer = watch(connection, headers, path)
    print("ready", flush=True)  # noqa: T201 - read by who started it
    while line := answer.readline():
        event = json.loads(line)
        if event["type"] == "ADDED":
            yield event["object"]["metadata"]


def watch(
    connection: http.client.HTTPSConnection, headers: dict[str, str], path: str
) -> http.client.HTTPResponse:
    """The stream of changes. A kind that was just defined is served a moment later."""
    deadline = time.monotonic() + START_WITHIN
    while True:
        connection.request("GET", f"{path}?watch=true", headers=headers)
        answer = connection.getresponse()
        if answer.status == 200:
            return answer
        body = answer.read().decode()
        if time.monotonic() > deadline:
            raise SystemExit(f"{path}: {answer.status} {body}")
        time.sleep(0.2)  # A server that starts tells nobody when it is ready.


def apply(connection: http.client.HTTPSConnection, headers: dict[str, str], path: str, text: str) -> None:
    kind = {"Content-Type": "application/apply-patch+yaml"}
    connection.request("PATCH", path, text.encode(), headers | kind)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{path}: {answer.status} {body.decode()}")


if __name__ == "__main__":
    main(sys.argv[1:])
