"""Changes an annotation of one object at a steady rate, and says each second how often it has.

`hammer.py ETCD PKI KEY RATE`. It writes into etcd, where the API server sees the changes as if another API server had
made them. Through an API server on two cores, about 90 changes of an E2IModel a second were reached.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any

CONNECTIONS = 4


def main(arguments: list[str]) -> None:
    server, pki, key, rate = arguments[0], Path(arguments[1]), arguments[2], float(arguments[3])
    trust = ssl.create_default_context(cafile=str(pki / "etcd-ca.crt"))
    trust.load_cert_chain(pki / "etcd-client.crt", pki / "etcd-client.key")
    counts = [0] * CONNECTIONS
    begun = time.monotonic()

    def hammer(number: int) -> None:
        connection = http.client.HTTPSConnection(server, context=trust)
        (found,) = ask(connection, "range", {"key": coded(key)})["kvs"]
        body = json.loads(base64.b64decode(found["value"]))
        notes = body["metadata"].setdefault("annotations", {})
        while True:
            notes["example.org/note"] = f"{number}-{counts[number]:07}"
            ask(connection, "put", {"key": coded(key), "value": coded(json.dumps(body))})
            counts[number] += 1
            # As many as the rate asks for by now, however long one takes.
            time.sleep(max(0.0, begun + counts[number] * CONNECTIONS / rate - time.monotonic()))

    threads = [threading.Thread(target=hammer, args=(number,), daemon=True) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    while all(thread.is_alive() for thread in threads):
        print(sum(counts), flush=True)  # noqa: T201 - read by who started it
        time.sleep(1)  # The reader counts by the second.


def ask(connection: http.client.HTTPSConnection, what: str, question: dict[str, str]) -> Any:
    connection.request("POST", f"/v3/kv/{what}", json.dumps(question))
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"etcd, {what}: {answer.status} {body.decode()}")
    return json.loads(body)


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


if __name__ == "__main__":
    main(sys.argv[1:])
