"""Changes an annotation of one model without a pause: `hammer.py SERVER ACCOUNT PATH`; it prints how often."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import sys
import threading
from pathlib import Path

CONNECTIONS = 4


def main(arguments: list[str]) -> None:
    server, account, path = arguments[0], Path(arguments[1]), arguments[2]
    trust = ssl.create_default_context(cafile=str(account / "ca.crt"))
    headers = {
        "Authorization": f"Bearer {(account / 'token').read_text()}",
        "Content-Type": "application/merge-patch+json",
    }
    ended, counts = threading.Event(), [0] * CONNECTIONS
    signal.signal(signal.SIGTERM, lambda *_: ended.set())

    def hammer(number: int) -> None:
        connection = http.client.HTTPSConnection(server, context=trust)
        while not ended.is_set():
            note = {"example.org/note": f"{number}-{counts[number]}"}
            connection.request("PATCH", path, json.dumps({"metadata": {"annotations": note}}), headers)
            connection.getresponse().read()
            counts[number] += 1

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(counts))  # noqa: T201 - read by who started it


if __name__ == "__main__":
    main(sys.argv[1:])
