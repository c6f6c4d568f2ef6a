"""Equal short texts of many objects take the memory of one."""

from __future__ import annotations

import json

from e2i.api.sharing import LONGEST, shared


def test_the_copy_is_equal_and_shares_its_names_and_short_texts() -> None:
    text = json.dumps(
        {
            "conditions": [{"type": "Ready", "status": "True", "n": 1, "x": None, "y": [True, 0.5]}],
            "m": "z" * 999,
        }
    )
    first, second = shared(json.loads(text)), shared(json.loads(text))
    assert first == second == json.loads(text)
    assert first is not second
    for one, other in zip(first, second, strict=True):
        assert one is other
    assert first["conditions"][0]["type"] is second["conditions"][0]["type"]


def test_long_texts_are_left_alone() -> None:
    message = "".join(["m"] * (LONGEST + 1))
    assert shared(message) is message


def test_what_lies_very_deep_is_left_as_it_is() -> None:
    deep: object = "x"
    for _ in range(5000):
        deep = [deep]
    assert isinstance(shared(deep), list)
