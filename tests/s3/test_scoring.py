"""A file in a bucket is scored into the bucket, and what an earlier run scored is not asked for again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.s3 import S3Server
from support.scoring_lab import Model, read_rows, serving, write_rows

from e2i.client import Endpoints
from e2i.scoring.errors import OutOfPatience, ScoringError
from e2i.scoring.options import Options
from e2i.scoring.run import Done, Watched, run


@pytest.fixture
def options(s3: Any, server: S3Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    write_rows(tmp_path / "in.csv", 200, row150="x")
    s3.upload_file(str(tmp_path / "in.csv"), name, "day/in.csv")
    return Options(
        model="churn",
        source=f"s3://{name}/day/in.csv",
        output=f"s3://{name}/day/out.csv",
        rows_in_request=10,
        rows_in_piece=50,
        most=1,
        deadline=30.0,
        patience=60.0,
    )


async def scored(options: Options, model: Model) -> Done:
    return await run(options, Endpoints.from_mapping({"churn": model.url}), None, Watched())


def keys(s3: Any, name: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=name).get("Contents", ())]


async def test_a_stopped_scoring_goes_on_in_the_bucket(
    s3: Any, name: str, options: Options, tmp_path: Path
) -> None:
    class Failing(Model):
        def answer(self, request):  # type: ignore[no-untyped-def]
            self.busy = 1 if len(self.seen) >= 120 and self.busy == 0 else self.busy
            return super().answer(request)

    async with serving(Failing()) as model:
        with pytest.raises(OutOfPatience):
            await scored(replace(options, patience=0.05), model)
    kept = [key for key in keys(s3, name) if key.endswith(".jsonl")]
    async with serving(Model()) as model:
        done = await scored(options, model)
    assert kept
    assert done.counts.kept == 50 * len(kept)
    assert len(model.seen) == 199 - done.counts.kept
    assert keys(s3, name) == ["day/in.csv", "day/out.csv", "day/out.csv.bad.csv"]
    s3.download_file(name, "day/out.csv", str(tmp_path / "out.csv"))
    rows = read_rows(tmp_path / "out.csv")
    assert [row["tenure"] for row in rows] == [str(number) for number in range(200) if number != 150]


async def test_an_object_that_is_not_there_is_named(options: Options) -> None:
    async with serving(Model()) as model:
        with pytest.raises(ScoringError, match=r"nothing\.csv: the bucket failed"):
            await scored(replace(options, source=options.source.replace("in.csv", "nothing.csv")), model)
