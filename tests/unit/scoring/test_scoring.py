"""Each row of a file is scored once, whatever happens on the way, and says which release answered."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from support.scoring_lab import SCHEMA, Model, read_rows, serving, write_rows

from e2i.client import Endpoint, Endpoints, Identity
from e2i.scoring.errors import OutOfPatience, ScoringError
from e2i.scoring.options import Options
from e2i.scoring.run import Done, Watched, run

RELEASES = {
    "churn:1": Identity("aaa", "sha256:1", "churn:1"),
    "churn:2": Identity("bbb", "sha256:2", "churn:2"),
}


@pytest.fixture
def options(tmp_path: Path) -> Options:
    write_rows(tmp_path / "in.csv", 230)
    return Options(
        model="churn",
        source=str(tmp_path / "in.csv"),
        output=str(tmp_path / "out.csv"),
        rows_in_request=10,
        rows_in_piece=50,
        most=8,
        deadline=30.0,
        patience=60.0,
    )


async def scored(options: Options, model: Model) -> Done:
    endpoint = Endpoint(model="churn", url=model.url, releases=RELEASES)
    return await run(options, Endpoints([endpoint]), None, Watched())


async def test_each_row_has_its_columns_the_prediction_and_the_release_that_gave_it(options: Options) -> None:
    async with serving(Model()) as model:
        done = await scored(options, model)
    rows = read_rows(Path(options.output))
    assert rows[7] == {
        "id": "c00007",
        "tenure": "7",
        "charge": "0.5",
        "prediction_value": "7.5",
        "prediction_more_a": "x",
        "prediction_bento": "churn:1",
        "prediction_release": "aaa",
        "prediction_digest": "sha256:1",
    }
    assert [row["id"] for row in rows] == [f"c{number:05}" for number in range(230)]
    assert (done.counts.rows, done.counts.bad, done.bad_file) == (230, 0, "")
    assert sorted(file.name for file in Path(options.output).parent.iterdir()) == ["in.csv", "out.csv"]


async def test_a_model_behind_a_gateway_is_scored_as_its_schema_there_says(options: Options) -> None:
    async with serving(Model(path="/api/models/churn")) as model:
        done = await scored(options, model)
    assert (done.counts.rows, done.counts.bad) == (230, 0)
    assert set(model.seen) == set(range(230))


async def test_bad_rows_are_listed_with_field_and_reason_and_the_others_are_scored(
    options: Options, tmp_path: Path
) -> None:
    write_rows(tmp_path / "in.csv", 60, row3="three", row4="", row57="5.5")
    async with serving(Model()) as model:
        done = await scored(options, model)
    bad = read_rows(Path(done.bad_file))
    assert [(row["row"], row["field"], row["id"]) for row in bad] == [
        ("4", "tenure", "c00003"),
        ("5", "tenure", "c00004"),
        ("58", "tenure", "c00057"),
    ]
    assert bad[0]["message"] == "Input should be a valid integer"
    assert len(read_rows(Path(options.output))) == 57


async def test_a_row_on_which_the_model_breaks_is_found_among_the_others(options: Options) -> None:
    async with serving(Model(poison=33)) as model:
        done = await scored(options, model)
    (bad,) = read_rows(Path(done.bad_file))
    assert bad["id"] == "c00033"
    assert "the model's value is inf" in bad["message"]
    assert sorted(model.seen) == [number for number in range(230) if number != 33]


async def test_rows_without_a_number_where_others_have_one_are_counted(options: Options) -> None:
    async with serving(Model(lost=70)) as model:
        done = await scored(options, model)
    assert (done.counts.rows, done.counts.bad) == (230, 0)
    assert done.counts.lost_numbers() == {"prediction_value": 70}


async def test_a_column_that_is_always_empty_has_lost_no_number(options: Options) -> None:
    async with serving(Model(lost=1000)) as model:
        done = await scored(options, model)
    assert done.counts.lost_numbers() == {}


async def test_a_line_with_too_many_values_is_bad(options: Options, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,tenure,charge\na,1,2\nb,3,4,5\n")
    async with serving(Model()) as model:
        done = await scored(options, model)
    (bad,) = read_rows(Path(done.bad_file))
    assert bad["message"] == "the line has 1 more values than the table has columns"


async def test_an_overloaded_model_is_asked_again_and_no_row_twice(options: Options) -> None:
    async with serving(Model(busy=5)) as model:
        await scored(options, model)
    assert Counter(model.seen) == Counter(range(230))


async def test_a_switch_of_the_release_in_the_middle_shows_in_the_rows(options: Options) -> None:
    class Switching(Model):
        def answer(self, request):  # type: ignore[no-untyped-def]
            self.bento = "churn:1" if len(self.seen) < 100 else "churn:2"
            return super().answer(request)

    async with serving(Switching()) as model:
        await scored(options, model)
    rows = read_rows(Path(options.output))
    assert {(row["prediction_bento"], row["prediction_release"]) for row in rows} == {
        ("churn:1", "aaa"),
        ("churn:2", "bbb"),
    }


async def test_a_model_without_a_route_for_batches_gets_row_by_row(options: Options) -> None:
    async with serving(Model(schema={"routes": SCHEMA["routes"][1:]})) as model:
        await scored(options, model)
    assert Counter(model.seen) == Counter(range(230))


async def test_a_missing_column_is_named_before_anything_is_sent(options: Options, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,tenure\na,1\n")
    async with serving(Model()) as model:
        with pytest.raises(
            ScoringError, match=r"has no column charge, which churn needs. It has: id, tenure"
        ):
            await scored(options, model)
    assert not model.seen


async def test_a_file_of_a_spreadsheet_is_told_how_it_is_converted(options: Options, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id;tenure;charge\na;1;2,5\n", encoding="utf-8-sig")
    async with serving(Model()) as model:
        with pytest.raises(ScoringError, match="separated by semicolons, not by commas"):
            await scored(options, model)


async def test_a_model_that_never_answers_ends_it_and_what_is_scored_is_kept(options: Options) -> None:
    async with serving(Model(busy=1_000_000)) as model:
        with pytest.raises(OutOfPatience, match="churn gave no answer"):
            await scored(replace(options, patience=0.01), model)
        model.busy = 0
        await scored(options, model)
    assert Counter(model.seen) == Counter(range(230))


async def test_an_earlier_run_of_another_input_is_not_gone_on_with(options: Options, tmp_path: Path) -> None:
    async with serving(Model(busy=1_000_000)) as model:
        with pytest.raises(OutOfPatience):
            await scored(replace(options, patience=0.01), model)
        write_rows(tmp_path / "in.csv", 10)
        with pytest.raises(ScoringError, match="An earlier run had another mark"):
            await scored(options, model)


async def test_parquet_keeps_its_types(options: Options, tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"tenure": [1, 2, 3], "charge": [0.5, None, 1.5], "id": ["a", "b", "c"]})
    parquet.write_table(table, tmp_path / "in.parquet")
    options = replace(options, source=str(tmp_path / "in.parquet"), output=str(tmp_path / "out.parquet"))
    async with serving(Model()) as model:
        await scored(options, model)
    found = parquet.read_table(options.output)
    assert found.select(["tenure", "charge", "id"]) == table
    assert found["prediction_value"].to_pylist() == [1.5, 2.0, 4.5]


async def test_killed_in_the_middle_and_started_again_each_row_is_there_once(
    options: Options, tmp_path: Path
) -> None:
    write_rows(tmp_path / "in.csv", 3_000)
    async with serving(Model()) as model:
        command = [
            sys.executable,
            "-c",
            "from e2i.cli import main; main()",
            "score",
            "churn",
            "--address",
            model.url,
        ]
        command += ["--in", options.source, "--out", options.output, "--piece", "50", "--rows", "10"]
        parts = Path(f"{options.output}.progress")
        first = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
        async with asyncio.timeout(120):
            while not parts.is_dir() or len(list(parts.glob("*.jsonl"))) < 5:
                assert first.returncode is None, await first.communicate()
                await asyncio.sleep(0.005)
        os.kill(first.pid, signal.SIGKILL)
        await first.wait()
        assert not Path(options.output).exists()
        again = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        words, errors = await asyncio.wait_for(again.communicate(), 120)
    assert again.returncode == 0, errors
    assert b"of them by an earlier run" in words
    assert [row["tenure"] for row in read_rows(Path(options.output))] == [
        str(number) for number in range(3_000)
    ]
    assert not parts.exists()
