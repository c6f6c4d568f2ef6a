"""data: read the data, check them against project.yaml, and set the holdout aside."""

from __future__ import annotations

from e2i.packaging.data import file_digest, table_digest
from e2i.pipeline.context import Loop, StepResult, digest_of
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.rows import Frame, features_of, in_declared_kinds, read_rows, split, write_table

FEWEST_HELD = 10


def inputs(loop: Loop) -> dict[str, str]:
    project = loop.project
    schema = project.model_dump(mode="json", include={"type", "data", "target", "treatment", "features"})
    found = {"project.yaml": digest_of(schema)}
    file = loop.data or (loop.folder / project.data.file if project.data.file else None)
    if file is None:
        return found | {"code": loop.code_digest()}
    if not file.is_file():
        raise PipelineError(f"There is no file {file}. Correct data.file in project.yaml, or give --data.")
    return found | {"data": file_digest(file)}


def external_inputs(loop: Loop) -> dict[str, str]:
    """Return the digest of the rows of data.load. It may read a database, so only a call shows a change."""
    if loop.data or loop.project.data.file:
        return {}
    return {str(loop.project.data.load): table_digest(_rows(loop))}


def run(loop: Loop) -> StepResult:
    frame = _rows(loop)
    train, holdout = split(frame, loop.project.data.holdout)
    if len(holdout) < FEWEST_HELD or train.empty:
        raise PipelineError(
            f"{len(holdout)} of {len(frame)} rows are in the holdout; it needs at least {FEWEST_HELD}. Get more data, "
            "or raise data.holdout in project.yaml."
        )
    write_table(train, loop.workspace.train)
    write_table(holdout, loop.workspace.holdout)
    source = loop.data or loop.project.data.file or loop.project.data.load
    outputs = {
        "rows": len(frame),
        "train_rows": len(train),
        "holdout_rows": len(holdout),
        "train": table_digest(train),
        "holdout": table_digest(holdout),
        "features": features_of(frame, loop.project),
        "source": str(source),
    }
    sentence = f"{len(frame)} rows of {source}: {len(train)} to train with, {len(holdout)} in the holdout"
    return StepResult(sentence, outputs, (loop.workspace.train, loop.workspace.holdout))


def _rows(loop: Loop) -> Frame:
    if loop.rows is None or loop.data or loop.project.data.file:
        loop.rows = in_declared_kinds(read_rows(loop.folder, loop.project, loop.data), loop.project)
    return loop.rows
