"""A server that closes unused connections after a few milliseconds, and counts how often each request came.

`python -m support.short_keepalive SECONDS` prints its port.
"""

from __future__ import annotations

import json
import socket
import sys
from collections import Counter
from typing import Any

import uvicorn

_seen: Counter[str] = Counter()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """POST /book counts its body; GET /seen answers how often each was counted."""
    message = await receive()
    if scope["path"] == "/seen":
        content = json.dumps(_seen).encode()
    else:
        _seen[message["body"].decode()] += 1
        content = b"{}"
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", str(len(content)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": content})


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"{self.servers[0].sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", loop="asyncio")
    # The setting is of whole seconds; its timer takes any number.
    config.timeout_keep_alive = float(sys.argv[1])  # type: ignore[assignment]
    _Server(config).run()
