"""F0, the least that any operator could do: on a model's watch event write the two objects, and nothing else.

One keep-alive connection for the watch, one for the writes, no checks, no status. A program of its own, so that
it shares no interpreter with who measures it: `floor.py SERVER ACCOUNT NAMESPACE BODIES`.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAME, UID = "model-name-goes-here", "00000000-0000-0000-0000-000000000000"
"""What stands for the model's own name and uid in the prepared bodies."""


def main(arguments: list[str]) -> None:
    server, account, namespace = arguments[0], Path(arguments[1]), arguments[2]
    bodies = json.loads(Path(arguments[3]).read_text())
    headers = {"Authorization": f"Bearer {(account / 'token').read_text()}"}
    trust = ssl.create_default_context(cafile=str(account / "ca.crt"))
    watching, writing = (http.client.HTTPSConnection(server, context=trust) for _ in range(2))
    for model in created_models(watching, headers, namespace):
        for path, text in bodies:
            for placeholder, value in ((NAME, model["name"]), (UID, model["uid"])):
                path, text = path.replace(placeholder, value), text.replace(placeholder, value)
            apply(writing, headers, path, text)


def created_models(
    connection: http.client.HTTPSConnection, headers: dict[str, str], namespace: str
) -> Iterator[dict[str, Any]]:
    """The metadata of each model that is created, as a watch tells of it."""
    path = f"/apis/serving.e2i.dev/v1alpha1/namespaces/{namespace}/e2imodels?watch=true"
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    while line := answer.readline():
        event = json.loads(line)
        if event["type"] == "ADDED":
            yield event["object"]["metadata"]


def apply(connection: http.client.HTTPSConnection, headers: dict[str, str], path: str, text: str) -> None:
    kind = {"Content-Type": "application/apply-patch+yaml"}
    connection.request("PATCH", path, text.encode(), headers | kind)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{path}: {answer.status} {body.decode()}")


if __name__ == "__main__":
    main(sys.argv[1:])
