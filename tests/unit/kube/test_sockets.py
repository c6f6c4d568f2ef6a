"""A closed connection leaves no socket behind, wherever its requests were cut off and whatever the server does."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2i import clock
from e2i.kube import Kube
from e2i.kube.access import Access
from e2i.local.certificates import ensure_certificates
from e2i.local.layout import ClusterHome

BEGUN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"
PATIENCE = 60.0
Part = Callable[["Silent", socket.socket], socket.socket]


class Silent:
    """An API server that stops in the middle, and never answers a farewell."""

    def __init__(self, pki: Path, part: Part) -> None:
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(pki / "kube-apiserver-serving.crt", pki / "kube-apiserver-serving.key")
        self.trust = ssl.create_default_context(cafile=str(pki / "cluster-ca.crt"))
        self._part = part
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._is_over = threading.Event()
        self.has_stopped = threading.Event()
        self.address = f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def take_the_connection(self, taken: socket.socket) -> socket.socket:
        """No TLS yet."""
        return taken

    def begin_an_answer(self, taken: socket.socket) -> socket.socket:
        shaken = self._tls.wrap_socket(taken, server_side=True)
        shaken.recv(65536)
        shaken.sendall(BEGUN)
        return shaken

    @contextlib.contextmanager
    def serving(self) -> Iterator[Access]:
        async def nobody() -> dict[str, str]:
            return {}

        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield Access(server=self.address, credentials=nobody, tls=self.trust)
        finally:
            self._is_over.set()
            thread.join(PATIENCE)

    def _serve(self) -> None:
        with self._listener:
            taken, _ = self._listener.accept()
            with self._part(self, taken):
                self.has_stopped.set()
                self._is_over.wait(PATIENCE)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = ClusterHome("sockets", 0, tmp_path_factory.mktemp("cluster"))
    ensure_certificates(home, clock.now())
    return home.pki


@pytest.mark.parametrize("part", [Silent.take_the_connection, Silent.begin_an_answer])
def test_a_request_that_was_cut_off_leaves_no_socket_behind(pki: Path, part: Part) -> None:
    server = Silent(pki, part)

    async def live(access: Access) -> None:
        async with Kube(access) as kube:
            has_begun = asyncio.Event()
            kube.count(lambda *_: has_begun.set())
            asking = asyncio.create_task(kube.request("GET", "/version"))
            await asyncio.to_thread(server.has_stopped.wait, PATIENCE)
            if part is Silent.begin_an_answer:
                await has_begun.wait()
            asking.cancel()
            await asyncio.wait((asking,))

    with server.serving() as access, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(live(access))
        gc.collect()
    assert [str(each.message) for each in told] == []
