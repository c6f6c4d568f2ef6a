"""A CSV that loses what the model learned is refused, with the column, the value and the next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from e2i.packaging.csv_types import check_by_asking, check_learned_texts, read_texts
from e2i.packaging.data import read_table
from e2i.packaging.describe_external import ExternalModel, describe_external
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.inference import OriginalModel
from e2i.packaging.known_categories import known_categories
from e2i.packaging.model_declaration import ModelDeclaration
from e2i_bento.card import Card

ROWS = 300


@pytest.fixture
def describe_file(tmp_path: Path, requirements: Path) -> Any:
    """Describe `model` from a file of `data`, with the target `label`, as `e2i package --model --data` does."""

    def make(model: Any, data: pd.DataFrame, suffix: str = ".csv") -> Card:
        joblib.dump(model, tmp_path / "model.joblib")
        file = tmp_path / f"data{suffix}"
        if suffix == ".csv":
            data.to_csv(file, index=False)
        elif suffix == ".parquet":
            data.to_parquet(file)
        else:
            data.to_json(file, orient="records", lines=True)
        files = ExternalModel(model=tmp_path / "model.joblib", data=file, requirements=requirements)
        declaration = ModelDeclaration(name="labels", kind="Classification", target="label")
        return describe_external(files, declaration, tmp_path / "trained")

    return make


def rows_of(name: str, values: list[Any]) -> pd.DataFrame:
    """A column of these values and a number; the label follows from both."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {name: rng.choice(np.array(values, dtype=object), ROWS), "amount": rng.integers(1, 100, ROWS)}
    )
    return data.assign(label=np.where((data[name] == values[0]) ^ (data.amount > 80), "bad", "ok"))


def one_hot(data: pd.DataFrame, name: str) -> Any:
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), [name]), remainder="passthrough"
    )
    model = make_pipeline(encode, RandomForestClassifier(20, random_state=0))
    return model.fit(data[[name, "amount"]], data.label)


def vectorized(data: pd.DataFrame, name: str) -> Any:
    model = make_pipeline(DictVectorizer(), LogisticRegression(C=100, max_iter=3000))
    return model.fit(data[[name, "amount"]].to_dict("records"), data.label)


@pytest.mark.parametrize(
    ("values", "train", "words"),
    [
        pytest.param(["NA", "DE", "FR"], one_hot, "'NA' in row .* a missing value", id="the country NA"),
        pytest.param(["None", "one", "two"], one_hot, "'None' in row .* a missing value", id="the word None"),
        pytest.param(["null", "x"], vectorized, "'null' in row .* a missing value", id="the word null"),
        pytest.param(
            ["01234", "04101", "90210"], vectorized, "'0?[0-9]+' in row .* the int", id="leading zeros"
        ),
        pytest.param(
            ["01234", "04101", "90210"], one_hot, "'0?[0-9]+' in row .* the int", id="a one-hot zip code"
        ),
        pytest.param(["1", "2", "3"], one_hot, "'[123]' in row .* the int", id="digits that are categories"),
        pytest.param(["True", "False"], one_hot, "'(True|False)' in row .* the bool", id="words for truth"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_category_that_the_csv_loses_is_refused(
    describe_file: Any, values: list[str], train: Any, words: str
) -> None:
    data = rows_of("place", values)
    model = train(data, "place")
    with pytest.raises(PackagingError, match=f"Column place of the CSV has {words}.*Parquet") as found:
        describe_file(model, data)
    assert found.value.reason is ErrorReason.ColumnUnusable
    assert not (found.value.message.count("\n"))


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_the_file_that_the_sentence_names_is_taken(describe_file: Any, suffix: str) -> None:
    data = rows_of("place", ["01234", "NA", "90210"])
    card = describe_file(one_hot(data, "place"), data, suffix)
    assert card.features[0].categories == ("01234", "90210", "NA")


def test_a_label_that_the_csv_loses_is_refused(describe_file: Any) -> None:
    data = rows_of("place", ["a", "b"])
    data["label"] = np.where(data.label == "bad", "NA", "ok")
    with pytest.raises(
        PackagingError, match=r"Column label of the CSV has 'NA'.*the model has the label 'NA'"
    ):
        describe_file(one_hot(data, "place"), data)


def test_words_for_nothing_in_a_column_of_numbers_are_missing_values(describe_file: Any) -> None:
    data = rows_of("place", ["a", "b"])
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), ["place"]), (SimpleImputer(), ["amount"]), remainder="passthrough"
        ),
        RandomForestClassifier(20, random_state=0),
    ).fit(data[["place", "amount"]], data.label)
    written = data.astype({"amount": object})
    written.loc[[3, 7], "amount"] = "NA"
    assert describe_file(model, written).features[1].nullable


def test_numbers_with_leading_zeros_are_numbers_for_a_model_of_numbers(describe_file: Any) -> None:
    data = rows_of("place", [1, 2, 3]).astype({"place": int})
    model = RandomForestClassifier(20, random_state=0).fit(data[["place", "amount"]], data.label)
    written = data.assign(place=data.place.map("{:02d}".format))
    assert describe_file(model, written).features[0].kind == "integer"


def test_a_model_that_hides_what_it_learned_is_asked(tmp_path: Path) -> None:
    data = rows_of("place", ["01", "02", "13"])
    inputs = data[["place", "amount"]]
    model = make_pipeline(HidingEncoder(), LogisticRegression(max_iter=1000)).fit(inputs, data.label)
    data.to_csv(tmp_path / "data.csv", index=False)
    read = read_table(tmp_path / "data.csv")
    doubtful = check_learned_texts(read_texts(tmp_path / "data.csv"), read, model, list(inputs.columns))
    original = OriginalModel(model, "Classification", tuple(model.classes_))
    with pytest.raises(PackagingError, match="the model answers the text otherwise"):
        check_by_asking(doubtful, original, read[["place", "amount"]], "frame")


class HidingEncoder(DictVectorizer):
    """Encodes as DictVectorizer, with nothing in its attributes that tells so."""

    def fit(self, frame: Any, y: Any = None) -> HidingEncoder:
        self.inner = DictVectorizer().fit(frame.to_dict("records"))
        return self

    def fit_transform(self, frame: Any, y: Any = None) -> Any:
        return self.fit(frame).transform(frame)

    def transform(self, frame: Any) -> Any:
        return self.inner.transform(frame.to_dict("records"))


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text('{"zip": "01234", "date": "2024-01-01", "n": 1}\n{"zip": "5", "date": "x", "n": null}\n')
    table = read_table(file)
    assert table.zip.tolist() == ["01234", "5"]
    assert table.date.tolist() == ["2024-01-01", "x"]


def test_what_encoders_learned_is_found_however_the_columns_were_named() -> None:
    data = rows_of("place", ["a", "b"]).assign(size=np.tile(["s", "m", "l"], ROWS // 3))
    for chosen in (["place", "size"], slice(0, 2), [True, True, False], [0, 1]):
        inputs = data[["place", "size", "amount"]]
        part = make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder())
        encode = make_column_transformer((part, chosen), remainder="passthrough").fit(inputs)
        found = known_categories(make_pipeline(encode, LogisticRegression()), ["place", "size", "amount"])
        assert found == {"place": frozenset("ab"), "size": frozenset("sml")}
