"""Give each pod an address that no other pod has."""

from __future__ import annotations

import ipaddress


class AddressPool:
    """The addresses of one range; a released address is used again as late as possible."""

    def __init__(self, cidr: str) -> None:
        network = ipaddress.ip_network(cidr)
        self._first = int(network.network_address)
        # The first two are left free (network, node), the last is the broadcast address.
        self._offsets = range(2, network.num_addresses - 1)
        self._next = 0
        self._owners: dict[str, str] = {}

    def take(self, owner: str, wanted: str = "") -> str:
        """Return an address for `owner` (a pod's uid), `wanted` if it is one of ours and free.

        RuntimeError when every address is in use.
        """
        if wanted and self._is_ours(wanted) and self._owners.get(wanted, owner) == owner:
            self._owners[wanted] = owner
            return wanted
        for _ in self._offsets:
            address = str(ipaddress.ip_address(self._first + self._offsets[self._next]))
            self._next = (self._next + 1) % len(self._offsets)
            if address not in self._owners:
                self._owners[address] = owner
                return address
        raise RuntimeError(f"all {len(self._offsets)} pod addresses are in use; delete some pods")

    def release(self, owner: str) -> None:
        """Release the address of `owner`."""
        self._owners = {address: other for address, other in self._owners.items() if other != owner}

    def _is_ours(self, address: str) -> bool:
        return int(ipaddress.ip_address(address)) - self._first in self._offsets
