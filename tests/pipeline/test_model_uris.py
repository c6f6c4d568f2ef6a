"""URIs of registered models."""

from __future__ import annotations

import pytest

from e2i.registry.uri import ModelUri, parse_model_uri


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models:/churn_model/3", ModelUri("churn_model", version="3")),
        ("mlflow://models/churn_model/12", ModelUri("churn_model", version="12")),
        ("models:/churn_model@serving", ModelUri("churn_model", alias="serving")),
        ("./trained", None),
        ("churn_model:1.0.0", None),
    ],
)
def test_names_of_registered_models(text: str, expected: ModelUri | None) -> None:
    assert parse_model_uri(text) == expected


@pytest.mark.parametrize(
    "text", ["models:/churn_model", "models:/churn_model/latest", "models:/a/b/1", "models:/a/0"]
)
def test_a_name_that_is_not_exact_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="write models:/NAME/3, models:/NAME@serving"):
        parse_model_uri(text)
