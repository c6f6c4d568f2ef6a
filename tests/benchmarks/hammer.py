"""Changes an annotation of one object without a pause, and says each second how often it has.

`hammer.py SERVER ACCOUNT PATH`
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import threading
import time
from pathlib import Path

CONNECTIONS = 4


def main(arguments: list[str]) -> None:
    server, account, path = arguments[0], Path(arguments[1]), arguments[2]
    trust = ssl.create_default_context(cafile=str(account / "ca.crt"))
    headers = {
        "Authorization": f"Bearer {(account / 'token').read_text()}",
        "Content-Type": "application/merge-patch+json",
    }
    counts = [0] * CONNECTIONS

    def hammer(number: int) -> None:
        connection = http.client.HTTPSConnection(server, context=trust)
        while True:
            note = {"example.org/note": f"{number}-{counts[number]}"}
            connection.request("PATCH", path, json.dumps({"metadata": {"annotations": note}}), headers)
            answer = connection.getresponse()
            if not answer.read() or answer.status != 200:
                raise SystemExit(f"{path}: {answer.status}")
            counts[number] += 1

    threads = [threading.Thread(target=hammer, args=(number,), daemon=True) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    while all(thread.is_alive() for thread in threads):
        print(sum(counts), flush=True)  # noqa: T201 - read by who started it
        time.sleep(1)  # The reader counts by the second.


if __name__ == "__main__":
    main(sys.argv[1:])
