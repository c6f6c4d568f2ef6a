"""A user's project, small enough to be trained in a moment: will it rain?"""

from __future__ import annotations

import json
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

RECIPE = """
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def check(data):
    if (data["humidity"] > 100).any():
        raise ValueError("humidity is above 100: correct the rows")


def train(data):
    columns = make_column_transformer((OneHotEncoder(), ["sky"]), remainder="passthrough")
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(data.drop(columns="rain"), data["rain"])


def evaluate(model, data):
    return {"rows_seen": len(data)}
"""
PROJECT: dict[str, Any] = {
    "name": "rain_model",
    "type": "Classification",
    "data": {"file": "days.jsonl", "synthetic": True},
    "target": "rain",
    "features": {
        "humidity": {"kind": "number", "minimum": 0, "maximum": 100},
        "wind": {"kind": "integer"},
        "sky": {"kind": "category"},
    },
    "version": "1.0.0",
    "gate": {"roc_auc": {"minimum": 0.7}},
}


def write_project(folder: Path, **changes: Any) -> Path:
    """The project in `folder`, with these keys of project.yaml in place of the usual ones."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.py").write_text(RECIPE)
    pins = [f"{name}=={version(name)}" for name in ("scikit-learn", "pandas", "numpy", "scipy", "joblib")]
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n")
    change_project(folder, **changes)
    write_days(folder / "days.jsonl")
    return folder


def change_project(folder: Path, **changes: Any) -> None:
    (folder / "project.yaml").write_text(yaml.safe_dump({**PROJECT, **changes}))


def days(count: int, seed: int = 1, *, mixed_up: bool = False) -> list[dict[str, Any]]:
    """Humid days with a grey sky are rainy, mostly; with `mixed_up` nobody can tell."""
    chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
    found = []
    for _ in range(count):
        humidity, sky = round(chance.uniform(20, 100), 1), chance.choice(["clear", "grey"])
        likely = 0.5 if mixed_up else min(0.95, humidity / 130 + (0.2 if sky == "grey" else -0.2))
        rain = "yes" if chance.random() < likely else "no"
        found.append({"humidity": humidity, "wind": chance.randrange(60), "sky": sky, "rain": rain})
    return found


def write_days(file: Path, count: int = 400, **how: Any) -> Path:
    file.write_text("".join(f"{json.dumps(day)}\n" for day in days(count, **how)))
    return file
