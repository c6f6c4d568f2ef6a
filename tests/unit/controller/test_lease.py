"""The Lease: who may take it, how it is renewed, lost and released, and how it fences writes."""

from __future__ import annotations

import asyncio
import copy
import itertools
import sys
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import pytest
from support.rawserver import ok, running

from e2i.controller.core.lease import LONGEST, Claim, Sighting, Terms, is_free, parse_claim, sight
from e2i.controller.edge import lease as module
from e2i.controller.edge.lease import Lease, LeaseLostError
from e2i.kube import ApiError, Object
from e2i.kube.e2i_kinds import LEASES, SERVICES

TERMS = Terms(15.0)
NAME = "e2i-operator"
AWAY = ApiError(0, "Unreachable", "no answer")


def a_lease(holder: object = "other_1", renewed: object = "t1", duration: object = 15) -> Object:
    spec = {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": duration}
    return {"metadata": {"name": NAME, "resourceVersion": "1"}, "spec": spec}


# Who may take it.


def ignore(annotations: Mapping[str, str]) -> None:
    """Who holds the Lease may be told of its annotations."""


def test_the_times_are_those_of_client_go() -> None:
    assert (TERMS.duration, TERMS.write_within, TERMS.period) == (15, 10, 2)
    assert (Terms(3).write_within, Terms(3).period) == (2, 0.4)
    assert Terms(600).period == 2, "a released Lease is taken soon"


@pytest.mark.parametrize(
    ("holder", "unchanged_for", "free"),
    [
        pytest.param("other_1", 14.9, False, id="renewed a moment ago"),
        pytest.param("other_1", 15.0, True, id="not renewed for its duration"),
        pytest.param("", 0.0, True, id="released"),
        pytest.param("mine_0", 0.0, True, id="held by the process before in the same container"),
        pytest.param("mine", 0.0, False, id="held by somebody whose whole identity is our instance"),
        pytest.param("mine_x_0", 0.0, False, id="held by an instance whose name only begins like ours"),
    ],
)
def test_a_lease_is_free(holder: str, unchanged_for: float, free: bool) -> None:
    seen = Sighting(parse_claim(a_lease(holder)), 100.0)
    assert is_free(seen, "mine_1", TERMS, 100.0 + unchanged_for) is free


def test_the_duration_that_the_holder_claims_counts_and_not_ours() -> None:
    seen = Sighting(parse_claim(a_lease(duration=60)), 0.0)
    assert not is_free(seen, "mine_1", TERMS, 59.0)
    assert is_free(seen, "mine_1", TERMS, 60.0)


def test_a_lease_that_was_never_there_is_free() -> None:
    assert is_free(None, "mine_1", TERMS, 0.0)


def test_a_lease_that_somebody_deleted_still_counts_for_its_duration() -> None:
    seen = sight(sight(None, a_lease(), 10.0), None, 12.0)
    assert not is_free(seen, "mine_1", TERMS, 24.9)
    assert is_free(seen, "mine_1", TERMS, 25.0)


def test_only_a_change_of_the_lease_counts_as_a_sign_of_life() -> None:
    first = sight(None, a_lease(renewed="2099-01-01T00:00:00Z"), 10.0)
    again = sight(first, a_lease(renewed="2099-01-01T00:00:00Z"), 20.0)
    assert again == Sighting(parse_claim(a_lease(renewed="2099-01-01T00:00:00Z")), 10.0)
    renewed = sight(again, a_lease(renewed="1970-01-01T00:00:00Z"), 22.0)
    assert renewed is not None
    assert renewed.since == 22.0


@pytest.mark.parametrize(
    "lease",
    [
        {},
        {"spec": None},
        {"spec": []},
        a_lease(None, None, None),
        a_lease(3, 4, "x"),
        a_lease([], {}, True),
        a_lease("", "", -1),
    ],
)
def test_a_lease_with_odd_fields_is_one_that_nobody_holds(lease: Object) -> None:
    assert parse_claim(lease) == Claim(holder="", renewed="", transitions=0, duration=None)
    assert is_free(Sighting(parse_claim(lease), 0.0), "mine_1", TERMS, 0.0)


def test_nobody_keeps_others_away_for_ever() -> None:
    assert parse_claim(a_lease(duration=10**9)).duration == LONGEST


# The Lease on an API server.


class Api:
    """A Lease and its versions, and a clock that goes on when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.stored: Object | None = None
        self.errors: list[Exception] = []
        self.lose_answer = False
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens whenever the operator sleeps."""
        self.writes: list[str] = []
        self._versions = itertools.count(1)
        self._turn = asyncio.sleep
        monkeypatch.setattr(module, "seconds", lambda: self.now)
        monkeypatch.setattr(module.asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()
        await self._turn(0)

    def put(self, body: Object) -> Object:
        metadata = body["metadata"] | {"resourceVersion": str(next(self._versions))}
        self.stored = copy.deepcopy(body | {"metadata": metadata})
        self.writes.append(self.holder)
        return copy.deepcopy(self.stored)

    @property
    def holder(self) -> str:
        return parse_claim(self.stored or {}).holder

    async def get(self, *place: Any) -> Object | None:
        assert place == (LEASES, "e2i-system", NAME)
        self._fail()
        return copy.deepcopy(self.stored)

    async def create(self, *place: Any, manager: str) -> Object:
        self._fail()
        if self.stored:
            raise ApiError(409, "AlreadyExists", "there is one")
        return self._answered(self.put(place[-1]))

    async def replace(self, resource: Any, body: Object, *, manager: str) -> Object:
        self._fail()
        if self.stored is None:
            raise ApiError(404, "NotFound", "no lease")
        if body["metadata"]["resourceVersion"] != self.stored["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "changed in the meantime")
        return self._answered(self.put(body))

    async def close(self) -> None:
        """Nothing is open."""

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)

    def _answered(self, written: Object) -> Object:
        if self.lose_answer:
            self.lose_answer = False
            raise AWAY
        return written

    def lease(self, instance: str) -> Lease:
        return Lease(self, "e2i-system", NAME, instance, TERMS)  # type: ignore[arg-type]


class EndOfTestError(Exception):
    """Ends an endless loop."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return Api(monkeypatch)


def after(seconds: float, api: Api, deed: Callable[[], object]) -> Callable[[], None]:
    """Do the deed once, when the time has come."""
    done = []

    def meanwhile() -> None:
        if api.now >= seconds and not done:
            done.append(deed())

    return meanwhile


def end() -> None:
    raise EndOfTestError


async def test_the_first_operator_has_it_at_once(api: Api) -> None:
    mine = api.lease("mine")
    assert not mine.is_held
    await mine.acquire()
    assert (api.now, api.holder, mine.is_held) == (0.0, mine.identity, True)
    mine.check()


async def test_a_lease_of_a_dead_operator_is_taken_when_its_duration_is_over(api: Api) -> None:
    api.put(a_lease())
    mine = api.lease("mine")
    await mine.acquire()
    assert api.holder == mine.identity
    assert TERMS.duration <= api.now <= TERMS.duration + TERMS.period
    assert parse_claim(api.stored or {}).transitions == 1


async def test_a_standby_waits_as_long_as_the_lease_is_renewed(api: Api) -> None:
    def renew() -> None:
        if api.now > 300:
            end()
        api.put(a_lease(renewed=str(api.now)))

    api.put(a_lease())
    api.meanwhile = renew
    mine = api.lease("mine")
    with pytest.raises(EndOfTestError):
        await mine.acquire()
    assert set(api.writes) == {"other_1"}
    assert not mine.is_held


async def test_a_released_lease_is_taken_at_the_next_look(api: Api) -> None:
    other, mine = api.lease("other"), api.lease("mine")
    await other.acquire()
    await other.release()
    assert not other.is_held
    await mine.acquire()
    assert (api.now, api.holder) == (0.0, mine.identity)


async def test_a_container_that_starts_again_has_it_at_once(api: Api) -> None:
    await api.lease("pod-uid").acquire()
    again = api.lease("pod-uid")
    await again.acquire()
    assert (api.now, api.holder) == (0.0, again.identity)


async def test_who_holds_it_is_told_of_its_annotations(api: Api) -> None:
    mine, told = api.lease("mine"), []
    await mine.acquire()
    api.meanwhile = after(10, api, end)
    with pytest.raises(EndOfTestError):
        await mine.hold(told.append)
    assert told == [{}] * len(told)
    assert told


async def test_without_an_instance_no_two_processes_are_taken_for_one(api: Api) -> None:
    await api.lease("").acquire()
    await api.lease("").acquire()
    assert api.now >= TERMS.duration


async def test_of_two_that_find_it_free_one_gets_it(api: Api) -> None:
    one, two = api.lease("one"), api.lease("two")
    api.meanwhile = after(30, api, end)
    with pytest.raises(EndOfTestError):
        await asyncio.gather(one.acquire(), two.acquire(), one.hold(ignore))
    assert len(set(api.writes)) == 1


@pytest.mark.parametrize(
    "error", [AWAY, ApiError(403, "Forbidden", "no"), ApiError(404, "NotFound", "no namespace")]
)
async def test_it_waits_for_an_api_server_that_does_not_give_it(
    api: Api, error: ApiError, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    api.errors = [error] * 5
    mine = api.lease("mine")
    await mine.acquire()
    assert mine.is_held
    (said,) = [record for record in caplog.records if "cannot be had" in record.message]
    assert said.levelname == "WARNING"
    assert said.message.endswith("Create the namespace e2i-system") == (error.status == 404)


@pytest.mark.parametrize(
    ("error", "step"),
    [
        pytest.param(ApiError(401, "Unauthorized", "Unauthorized"),
                     "kubectl rollout restart deployment -l app.kubernetes.io/name=e2i-operator -n e2i-system",
                     id="its token is not accepted"),
        pytest.param(ApiError(500, "Internal", "etcdserver: mvcc: database space exceeded"),
                     "etcd is full: make room in it, and clear its alarm", id="etcd takes no writes"),
        pytest.param(ApiError(500, "Internal", 'failed calling webhook "check.example": context deadline exceeded'),
                     "or remove it: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
                     id="a webhook of somebody else is asked for Leases too"),
    ],
)  # fmt: skip
async def test_what_keeps_it_from_renewing_is_told_with_the_next_step(
    api: Api, error: ApiError, step: str
) -> None:
    mine = api.lease("mine")
    await mine.acquire()
    api.errors, api.meanwhile = [error] * 100, after(20, api, end)
    with pytest.raises(EndOfTestError):
        await mine.hold(ignore)
    assert mine.problem.startswith(str(error))
    assert mine.problem.endswith(step)
    api.errors, api.meanwhile = [], after(api.now + 20, api, end)
    with pytest.raises(EndOfTestError):
        await mine.hold(ignore)
    assert mine.problem == ""


async def test_it_is_renewed_for_ever(api: Api) -> None:
    mine = api.lease("mine")
    await mine.acquire()
    api.meanwhile = after(3600, api, end)
    with pytest.raises(EndOfTestError):
        await mine.hold(ignore)
    assert mine.is_held
    assert len(api.writes) == 1800


async def test_a_renewal_with_a_lost_answer_is_not_a_loss(api: Api) -> None:
    mine = api.lease("mine")
    await mine.acquire()
    api.lose_answer = True
    api.meanwhile = after(10, api, end)
    with pytest.raises(EndOfTestError):
        await mine.hold(ignore)
    assert mine.is_held
    assert set(api.writes) == {mine.identity}


async def test_a_lease_that_was_deleted_is_made_again(api: Api) -> None:
    mine = api.lease("mine")
    await mine.acquire()
    api.stored = None
    api.meanwhile = after(6, api, end)
    with pytest.raises(EndOfTestError):
        await mine.hold(ignore)
    assert api.holder == mine.identity


async def test_no_write_is_allowed_while_it_cannot_be_renewed_and_again_when_it_was(api: Api) -> None:
    mine = api.lease("mine")
    await mine.acquire()
    held = []
    api.errors = [AWAY] * 6
    api.meanwhile = lambda: held.append((api.now, mine.is_held)) or (end() if api.now > 20 else None)
    with pytest.raises(EndOfTestError):
        await mine.hold(ignore)
    assert [now for now, is_held in held if not is_held] == [10.0, 12.0, 14.0]
    assert mine.is_held


async def test_an_operator_that_was_stopped_may_not_write_when_it_goes_on(api: Api) -> None:
    mine = api.lease("mine")
    await mine.acquire()
    api.now += 10
    with pytest.raises(ApiError, match="does not write"):
        mine.check()


async def test_it_is_lost_when_another_operator_has_it(api: Api) -> None:
    mine = api.lease("mine")
    await mine.acquire()
    api.put(a_lease())
    with pytest.raises(LeaseLostError, match="held by other_1"):
        await mine.hold(ignore)


async def test_a_renewal_counts_from_before_it_was_sent(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = api.lease("mine")

    async def slow(*place: Any, manager: str) -> Object:
        api.now += 9.9
        return api.put(place[-1])

    monkeypatch.setattr(api, "create", slow)
    await mine.acquire()
    assert mine.is_held
    api.now += 0.1
    assert not mine.is_held


async def test_a_renewal_without_an_answer_names_what_may_hold_it_up(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = api.lease("mine")
    await mine.acquire()

    async def never(*_: Any, **__: Any) -> Object:
        raise TimeoutError

    monkeypatch.setattr(api, "replace", never)
    api.meanwhile = after(20, api, end)
    with pytest.raises(EndOfTestError):
        await mine.hold(ignore)
    assert "did not answer in time. If kubectl get is answered, a webhook may hold up" in mine.problem
    assert mine.problem.endswith("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations")


@pytest.mark.parametrize("answer", [{}, {"spec": {}}, a_lease()])
async def test_an_answer_that_is_not_the_lease_does_not_count(
    api: Api, answer: Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = api.lease("mine")
    await mine.acquire()

    async def junk(*_: Any, **__: Any) -> Object:
        return answer

    monkeypatch.setattr(api, "replace", junk)
    api.meanwhile = after(10, api, end)
    with pytest.raises(EndOfTestError):
        await mine.hold(ignore)
    assert not mine.is_held


async def test_a_lease_that_cannot_be_released_ends_by_itself(api: Api) -> None:
    mine = api.lease("mine")
    await mine.acquire()
    api.errors = [AWAY]
    await mine.release()
    assert not mine.is_held
    await mine.release()
    assert api.writes == [mine.identity]


# The fence.


async def test_a_fenced_client_reads_but_sends_no_write(api: Api) -> None:
    mine = api.lease("mine")
    async with running(lambda _: ok({"metadata": {"name": "churn"}})) as (server, kube):
        kube.fence(mine.check)
        assert await kube.get(SERVICES, "models", "churn")
        body: Object = {"metadata": {"name": "churn", "namespace": "models"}}
        for write in (
            kube.create(SERVICES, "models", body),
            kube.replace(SERVICES, body),
            kube.apply(SERVICES, body, manager="test"),
            kube.patch(SERVICES, "models", "churn", {}),
            kube.delete(SERVICES, "models", "churn"),
        ):
            with pytest.raises(ApiError, match="its Lease was not renewed"):
                await write
        assert [request.method for request in server.requests] == ["GET"]
        await mine.acquire()
        await kube.delete(SERVICES, "models", "churn")
    assert [request.method for request in server.requests] == ["GET", "DELETE"]


async def test_the_fence_is_asked_when_the_request_has_its_connection(api: Api) -> None:
    mine = api.lease("mine")
    await mine.acquire()
    async with running(lambda _: ok({"metadata": {"name": "churn"}})) as (server, kube):
        kube.fence(mine.check)
        session = kube._open_session()
        connect = session.connector.connect  # type: ignore[union-attr]

        async def slowly(*args: Any, **kwargs: Any) -> Any:
            connected = await connect(*args, **kwargs)
            api.now += 60
            return connected

        session.connector.connect = slowly  # type: ignore[union-attr, method-assign]
        with pytest.raises(ApiError, match="its Lease was not renewed"):
            await kube.delete(SERVICES, "models", "churn")
    assert server.requests == []


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="aiohttp writes the body at once")
async def test_the_fence_is_asked_again_when_a_body_is_written(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to Python 3.11 that is a turn of the event loop later, and the process may have been frozen in between."""
    mine = api.lease("mine")
    await mine.acquire()
    send = aiohttp.ClientRequest.send

    async def send_and_freeze(*args: Any, **kwargs: Any) -> Any:
        sent = await send(*args, **kwargs)
        api.now += 60
        return sent

    monkeypatch.setattr(aiohttp.ClientRequest, "send", send_and_freeze)
    async with running(lambda _: ok({"metadata": {"name": "churn"}})) as (server, kube):
        kube.fence(mine.check)
        with pytest.raises(ApiError, match="its Lease was not renewed"):
            await kube.patch(SERVICES, "models", "churn", {})
        api.now -= 60
        await kube.get(SERVICES, "models", "churn")
    assert [request.method for request in server.requests] == ["GET"]
