"""`doctor`: is everything there that the operator needs?"""

from __future__ import annotations

import sys

import click

from e2i.cli.plugin.output import coloured, dump, printable, wants_colour
from e2i.cli.plugin.session import Session, Target, in_session, with_target
from e2i.inspection.doctor.cluster_checks import check_cluster
from e2i.inspection.doctor.facts import Finding, State
from e2i.inspection.doctor.operator_checks import check_operator

MARKS = {
    State.OK: ("ok", "good"),
    State.WARNING: ("!", "busy"),
    State.FAILED: ("x", "bad"),
    State.UNKNOWN: ("?", "busy"),
}


@click.command()
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="Print a document.")
@with_target
def doctor(target: Target, output: str | None) -> None:
    """Check the cluster, Yatai, the operator, its rights and its bucket, and say what to do next.

    Reads only. The exit code is 1 if something has failed; what you may not read is `?`.
    """

    async def read(session: Session) -> list[Finding]:
        from e2i.inspection.doctor.look import look

        seen = await look(session.kube, session.namespace)
        return [*check_cluster(seen), *check_operator(seen)]

    found = in_session(target, read)
    if output:
        click.echo(dump({"findings": [document(each) for each in found]}, output))
    else:
        for each in found:
            click.echo("\n".join(lines(each, colour=wants_colour(sys.stdout))))
    raise SystemExit(1 if any(each.state is State.FAILED for each in found) else 0)


def document(finding: Finding) -> dict[str, str]:
    """Return the finding as `-o json` prints it."""
    return {
        "part": finding.part,
        "state": finding.state.value,
        "message": finding.message,
        "nextStep": finding.next_step,
    }


def lines(finding: Finding, *, colour: bool) -> list[str]:
    """Return one line for the finding, and one for its next step."""
    mark, tone = MARKS[finding.state]
    head = f"{coloured(f'{mark:<3}', tone, colour)}{finding.part}: {printable(finding.message)}"
    return [head, f"   -> {finding.next_step}"] if finding.next_step else [head]
