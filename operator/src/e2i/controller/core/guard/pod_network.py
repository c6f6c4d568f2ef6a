"""Addresses under which pods are reachable, for clusters that map the pod network to another one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

Network = IPv4Network | IPv6Network
EXAMPLE = "for instance 10.97.0.0/16=127.97.0.0/16, or leave it empty"


@dataclass(frozen=True)
class PodNetwork:
    """Maps one network to another of the same size. Without a mapping pods have the addresses of the API."""

    mapping: tuple[Network, Network] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse 10.97.0.0/16=127.97.0.0/16: pods of the first network are reached in the second.

        ValueError if the text is invalid.
        """
        if not text:
            return cls()
        announced, sign, carried = text.partition("=")
        if not sign:
            raise ValueError(
                f"{text!r} does not map one network onto another: write NETWORK=NETWORK, {EXAMPLE}"
            )
        pair = _network(announced, text), _network(carried, text)
        if (pair[0].version, pair[0].prefixlen) != (pair[1].version, pair[1].prefixlen):
            raise ValueError(
                f"{text!r} maps networks of different sizes: both need the same length, {EXAMPLE}"
            )
        return cls(pair)

    def reach(self, address: str) -> str:
        """Return the reachable address: 10.97.3.4 -> 127.97.3.4. One outside the first network stays.

        ValueError if it is not an address."""
        pod = ip_address(address)
        if self.mapping is None or pod not in self.mapping[0]:
            return address
        announced, carried = self.mapping
        return str(carried[int(pod) - int(announced.network_address)])


def _network(text: str, whole: str) -> Network:
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f"{whole!r} names a network that is none ({error}): write it {EXAMPLE}") from error
