"""`history`: the results of a model's last releases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from e2i.cli.plugin.output import age, dump, table
from e2i.cli.plugin.session import Session, Target, in_session, model_name, with_target
from e2i.clock import now

_HEAD = ("RELEASE", "BENTO", "RESULT", "REASON", "NOW", "STARTED", "SERVED", "ENDED")
_WIDE = ("DIGEST", "IMAGE", "RESTART", "MESSAGE")


@click.command()
@model_name
@click.option(
    "-o", "--output", type=click.Choice(["wide", "json", "yaml"]), help="More columns, or a document."
)
@with_target
def history(target: Target, name: str, output: str | None) -> None:
    """Show the results of a model's last releases, newest first."""

    async def read(session: Session) -> Mapping[str, Any]:
        from e2i.cli.plugin.read import read_model

        return await read_model(session, name)

    model = in_session(target, read)
    if output in ("json", "yaml"):
        click.echo(dump(document(model), output))
    else:
        click.echo("\n".join(lines(model, wide=output == "wide", moment=now())))


def document(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the history as `-o json` prints it."""
    metadata, history = model["metadata"], model.get("status", {}).get("history", ())
    releases = [entry["release"] for entry in history]
    return {
        "model": {"namespace": metadata["namespace"], "name": metadata["name"]},
        # A release that served twice has several entries; its present roles belong to the newest.
        "history": [
            {
                **entry,
                "roles": _roles(model, entry["release"]) if entry["release"] not in releases[:place] else [],
            }
            for place, entry in enumerate(history)
        ],
    }


def lines(model: Mapping[str, Any], *, wide: bool, moment: datetime) -> list[str]:
    """Return the lines of the table, with ages for times."""
    entries = document(model)["history"]
    if not entries:
        return [f"{model['metadata']['name']} has no history: no release has served or failed yet."]
    rows = [_row(entry, moment) + (_more(entry) if wide else ()) for entry in entries]
    return table(_HEAD + (_WIDE if wide else ()), rows)


def _row(entry: Mapping[str, Any], moment: datetime) -> tuple[str, ...]:
    return (
        entry["release"],
        entry.get("bentoTag") or "-",
        entry["result"],
        entry.get("reason") or "-",
        ",".join(entry["roles"]) or "-",
        *(age(entry.get(field), moment) or "-" for field in ("startedAt", "servedAt", "endedAt")),
    )


def _more(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry.get(field) or "-" for field in ("digest", "image", "restartAt", "message"))


def _roles(model: Mapping[str, Any], release: str) -> list[str]:
    """Return the present roles of the release: desired, serving, quarantined."""
    status = model.get("status", {})
    failed = {entry["release"] for entry in status.get("failedReleases", ())}
    roles = {
        "desired": release == status.get("desiredRelease"),
        "serving": release == status.get("servingRelease"),
        "quarantined": release in failed,
    }
    return [role for role, holds in roles.items() if holds]
