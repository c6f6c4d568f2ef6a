"""A component that was killed holds its ports for a moment, seen by nobody."""

from __future__ import annotations

import socket
import threading

import pytest

from e2i.local import ports


def listening() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    return server


def test_a_port_that_nobody_is_seen_to_hold_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "holder", lambda port: None)
    server = listening()
    threading.Timer(0.2, server.close).start()
    assert ports.wait_until_free(server.getsockname()[1])


def test_a_port_that_somebody_holds_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FREE_WITHIN", 3600)
    with listening() as server:
        assert not ports.wait_until_free(server.getsockname()[1])
