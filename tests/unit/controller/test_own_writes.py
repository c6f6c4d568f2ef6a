"""Our own writes start no pass, and no foreign change is lost, in whatever order watch, answer and list come."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.bodies import a_body

from e2i.api import naming
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.informer import Informer, Source
from e2i.controller.edge.own_writes import OwnWrites
from e2i.controller.edge.work_queue import Key
from e2i.kube import Object
from e2i.kube.e2i_kinds import E2I_MODELS

KEY = ("models", "churn")


def a_version(number: int, uid: str = "uid-1", tag: str = "churn:1", **status: str) -> Object:
    return a_body(uid=uid, version=number, spec={"bento": {"tag": tag}}, status=status)


class Operator:
    """A cache, the watch of the models, and one write that is under way."""

    def __init__(self) -> None:
        self.cache, self.own_writes, self.woken = Cache(), OwnWrites(), list[Key]()
        self.informer = Informer(Source(E2I_MODELS), None, self.cache, self.own_writes, self.woken.append)  # type: ignore[arg-type]
        self.cache.put(naming.KIND, a_version(1))

    def watch(self, body: Object, change: str = "MODIFIED") -> None:
        self.informer.take(change, self.cache.see(naming.KIND, body))

    def answer(self, body: Object) -> None:
        self.cache.put(naming.KIND, body)

    def tag(self) -> str:
        model = self.cache.model(KEY)
        return model.tag if model else "gone"


@pytest.fixture
def operator() -> Operator:
    return Operator()


WRITTEN = a_version(2, phase="told")
FOREIGN = a_version(3, tag="churn:2", phase="told")


def test_the_report_of_our_own_write_wakes_nobody_whether_it_comes_before_or_after_the_answer(
    operator: Operator,
) -> None:
    with operator.own_writes.writing(naming.KIND, KEY):
        operator.watch(WRITTEN)
        operator.answer(WRITTEN)
    operator.watch(WRITTEN)
    assert (operator.woken, operator.cache.model(KEY).status) == ([], {"phase": "told"})  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "order",
    [
        lambda does: (does.watch(WRITTEN), does.watch(FOREIGN), does.answer(WRITTEN)),
        lambda does: (does.watch(WRITTEN), does.answer(WRITTEN), does.watch(FOREIGN)),
        lambda does: (does.answer(WRITTEN), does.watch(WRITTEN), does.watch(FOREIGN)),
    ],
)
def test_a_foreign_change_after_ours_wakes_the_model(
    operator: Operator, order: Callable[[Operator], object]
) -> None:
    with operator.own_writes.writing(naming.KIND, KEY):
        order(operator)
    assert (operator.woken, operator.tag()) == ([KEY], "churn:2")


@pytest.mark.parametrize("reported", ["before the answer", "after it"])
def test_a_foreign_change_before_ours_wakes_the_model(operator: Operator, reported: str) -> None:
    """The answer has both changes, and the report of the foreign one is older than the answer."""
    foreign, written = a_version(2, tag="churn:2"), a_version(3, tag="churn:2", phase="told")
    with operator.own_writes.writing(naming.KIND, KEY):
        if reported == "before the answer":
            operator.watch(foreign)
        operator.answer(written)
    if reported == "after it":
        operator.watch(foreign)
    operator.watch(written)
    assert (operator.tag(), operator.woken) == ("churn:2", [KEY])


def test_a_write_that_failed_loses_no_report(operator: Operator) -> None:
    def fail() -> None:
        with operator.own_writes.writing(naming.KIND, KEY):
            operator.watch(WRITTEN)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail()
    assert (operator.woken, operator.cache.model(KEY).status) == ([KEY], {"phase": "told"})  # type: ignore[union-attr]


def test_a_model_that_is_deleted_and_made_again_meanwhile_is_the_new_one(operator: Operator) -> None:
    with operator.own_writes.writing(naming.KIND, KEY):
        operator.watch(WRITTEN)
        operator.watch(a_version(3), change="DELETED")
        operator.watch(a_version(4, uid="uid-2", tag="churn:2"), change="ADDED")
        operator.answer(WRITTEN)
    assert (operator.tag(), set(operator.woken)) == ("churn:2", {KEY})


def test_a_list_counts_more_than_reports_that_came_before_it(operator: Operator) -> None:
    with operator.own_writes.writing(naming.KIND, KEY):
        operator.watch(WRITTEN)
        operator.informer._take_list([], "9")
    assert (operator.tag(), operator.woken) == ("gone", [KEY])


def test_reports_of_other_objects_do_not_wait(operator: Operator) -> None:
    with operator.own_writes.writing(naming.KIND, ("models", "other")):
        operator.watch(FOREIGN)
        assert operator.woken == [KEY]
