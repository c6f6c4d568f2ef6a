"""A server that falls silent in the middle of a connection, and the test that nothing is left of it afterwards."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from e2i import clock
from e2i.local.certificates import ensure_certificates
from e2i.local.layout import ClusterHome

BEGUN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"
PATIENCE = 60.0
Part = Callable[["Silent", socket.socket], socket.socket]


class Silent:
    """A server with TLS that stops in the middle, and never answers a farewell."""

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

    def be_refused(self, taken: socket.socket) -> socket.socket:
        """The client does not accept the certificate."""
        with contextlib.suppress(OSError):
            self._tls.wrap_socket(taken, server_side=True)
        return taken

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join(PATIENCE)

    def _serve(self) -> None:
        with self._listener:
            taken, _ = self._listener.accept()
            with self._part(self, taken):
                self.has_stopped.set()
                self._is_over.wait(PATIENCE)


def certificates(folder: Path) -> Path:
    """Make the certificates of a server at 127.0.0.1; return their folder."""
    home = ClusterHome("sockets", 0, folder)
    ensure_certificates(home, clock.now())
    return home.pki


@contextlib.contextmanager
def no_socket_left() -> Iterator[None]:
    """Fail if the block leaves a socket that only the garbage collection closes."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(each.message) for each in told] == []
