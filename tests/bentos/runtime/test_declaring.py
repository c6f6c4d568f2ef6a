"""What is said when a service does not declare its models as it must."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

# What BentoML's import warns of is not ours; the import is left to the tests, where that can be said.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def library() -> Any:
    return importlib.import_module("e2i_bento.service")


def a_class(**attributes: Any) -> type[Any]:
    return type("Service", (), attributes)


def test_the_models_of_a_class_are_found_by_name(library: Any) -> None:
    service = a_class(churn_model=library.declared("churn_model"), limit=3)
    assert list(library.declared_on(service)) == ["churn_model"]


def test_a_class_without_a_model_is_refused(library: Any) -> None:
    with pytest.raises(ValueError, match="Service declares no model: add `my_model = declared"):
        library.serves(a_class())


def test_an_attribute_of_another_name_than_its_model_is_refused(library: Any) -> None:
    with pytest.raises(ValueError, match="name the attribute churn_model"):
        library.serves(a_class(model=library.declared("churn_model")))


def test_decorators_in_the_wrong_order_are_named(library: Any) -> None:
    service = library.bentoml.service(a_class())
    with pytest.raises(TypeError, match=r"@serves stands below @bentoml.service"):
        library.serves(service)


def test_a_model_that_is_not_in_the_store_is_named(library: Any) -> None:
    with pytest.raises(FileNotFoundError, match=r"no_such_model:latest is not in the BentoML store"):
        library.serves(a_class(no_such_model=library.declared("no_such_model")))
