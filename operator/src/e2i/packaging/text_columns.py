"""Finds the columns that a fitted model reads word by word: free text, whatever the training data has there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from e2i.packaging.known_categories import chosen_names


def text_columns(model: Any, columns: Sequence[str]) -> frozenset[str]:
    """Return those of `columns` that reach a vectorizer of words, such as TfidfVectorizer, as they are.

    A request has other sentences than the training data: what such a column holds there is no list of categories.
    """
    if isinstance(getattr(model, "steps", None), list):
        return _of_steps([step for _, step in model.steps], columns)
    parts: Any = getattr(model, "transformers_", None)
    if parts is not None:
        return frozenset[str]().union(
            *(text_columns(part, chosen_names(chosen, columns)) for _, part, chosen in parts)
        )
    if isinstance(getattr(model, "transformer_list", None), list):
        return frozenset[str]().union(*(text_columns(part, columns) for _, part in model.transformer_list))
    # What CountVectorizer, TfidfVectorizer and HashingVectorizer have in common, and a DictVectorizer has not.
    reads_words = hasattr(model, "analyzer") and hasattr(model, "ngram_range")
    return frozenset(columns) if reads_words else frozenset()


def _of_steps(steps: Sequence[Any], columns: Sequence[str]) -> frozenset[str]:
    """Return what the first step reads; a step that keeps the columns, such as an imputer, only passes them on."""
    for step in steps:
        keeps_columns = step is None or step == "passthrough" or hasattr(step, "statistics_")
        if not keeps_columns:
            return text_columns(step, columns)
    return frozenset()
