"""Checks that two operators of one cluster share nothing that each needs alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from e2i.inspection.doctor.facts import Finding, Installation, Operator, State

TENANTS = "docs/howto/tenants.md"


def check_neighbours(seen: Installation) -> Iterator[Finding]:
    """Return a finding if there are several operators: a wrong one for each thing that two of them share."""
    if len(seen.operators) < 2:
        return
    shared = [found for pair in combinations(seen.operators, 2) for found in _shared(*pair)]
    if shared:
        yield from shared
        return
    places = ", ".join(each.place for each in seen.operators)
    told = f"{places} have a Lease, namespaces and a folder of a bucket each"
    yield Finding(
        "several operators", State.OK, f"{told}; the other findings are of {seen.operators[0].place}"
    )


def _shared(first: Operator, second: Operator) -> Iterator[Finding]:
    both = f"the Deployments {first.place} and {second.place}"
    if first.lease == second.lease:
        yield _wrong(
            f"{both} share the Lease {first.lease}: only one of them is active, with its settings alone",
            "E2I_LEASE_NAME, or remove one",
        )
    elif (common := _common(first.namespaces, second.namespaces)) is not None:
        which = ", ".join(common) or "all namespaces"
        yield _wrong(f"{both} are both set to have {which}: one of them does nothing there", "E2I_NAMESPACES")
    if first.folder and first.folder == second.folder and first.lease != second.lease:
        yield _wrong(
            f"{both} write to the same place of one bucket, {first.folder}: neither knows what the other needs there",
            "E2I_BUCKET_PREFIX",
        )


def _common(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the namespaces that both have, none of them for the whole cluster; None if they share none."""
    if not (first and second):
        return first or second
    return tuple(sorted({*first} & {*second})) or None


def _wrong(message: str, setting: str) -> Finding:
    return Finding("several operators", State.FAILED, message, f"Give each its own {setting} ({TENANTS}).")
