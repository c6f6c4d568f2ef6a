"""What the client prints into the terminal of a program that set up no logging: nothing."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from e2i.client import Client, Endpoints, Unreachable
# Nothing listens at port 9: each attempt is refused, and is made again.
with Client(Endpoints.from_mapping({"churn": "http://127.0.0.1:9"})) as client:
    try:
        client.predict("churn", {}, deadline=60)
    except Unreachable:
        print("refused")
"""


def test_further_attempts_print_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True
    )
    assert (run.stdout, run.stderr) == ("refused\n", "")
