"""Runs inside of the cluster, in a pod with the model's own image: asks the address, and prints what came of it.

It needs nothing but Python. One line of JSON a second, cumulative: requests, failed, and the last failure.
"""

import json
import os
import time
import urllib.request

INTERVAL = 0.1
TIMEOUT = 10.0


def main() -> None:
    url, body = os.environ["E2I_URL"], os.environ["E2I_BODY"].encode()
    requests, failed, last, told = 0, 0, "", time.monotonic()
    while True:
        started = time.monotonic()
        try:
            asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
            with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:  # noqa: S310
                answer.read()
        except OSError as error:
            failed += 1
            last = str(error)[:200]
        requests += 1
        if started - told >= 1:
            told = started
            print(json.dumps({"requests": requests, "failed": failed, "last": last}), flush=True)  # noqa: T201
        # The pace of the load, however long an answer takes.
        time.sleep(max(0.0, started + INTERVAL - time.monotonic()))


if __name__ == "__main__":
    main()
