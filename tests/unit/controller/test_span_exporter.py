"""Spans arrive at a real OTLP receiver as they are, and one that is away, or a missing package, is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOON
from support.otlp import OtlpReceiver, otlp_receiver

from e2i.controller.core.release_spans import Span
from e2i.controller.edge import span_exporter
from e2i.controller.edge.span_exporter import traces_to
from e2i.variables import BadSetting

ROOT = Span(name="release", trace_id=0xABC << 100, span_id=7, parent_id=None, begin=NOON,
            end=NOON + timedelta(seconds=9), attributes={"e2i.model": "churn"})  # fmt: skip
BUILD = replace(ROOT, name="build", span_id=8, parent_id=7, error="BuildFailed: no compiler")


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as made:
        yield made


def test_spans_arrive_with_ids_times_attributes_and_errors(receiver: OtlpReceiver) -> None:
    assert span_exporter._sender(f"{receiver.url}/")([ROOT, BUILD]) == ""
    (service, root), (_, build) = receiver.spans
    assert service == "e2i-operator"
    assert root.trace_id == build.trace_id == (0xABC << 100).to_bytes(16)
    assert (root.span_id, root.parent_span_id) == ((7).to_bytes(8), b"")
    assert build.parent_span_id == root.span_id
    assert root.end_time_unix_nano - root.start_time_unix_nano == 9_000_000_000
    assert root.start_time_unix_nano == NOON.timestamp() * 1_000_000_000
    assert [(each.key, each.value.string_value) for each in root.attributes] == [("e2i.model", "churn")]
    assert (root.status.code, build.status.code) == (1, 2)
    assert build.status.message == "BuildFailed: no compiler"


def test_a_receiver_that_refuses_is_named(receiver: OtlpReceiver) -> None:
    receiver.status = 400
    assert span_exporter._sender(receiver.url)([ROOT]) == f"{receiver.url} did not take it within 5 s"


def test_without_the_extra_the_setting_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(BadSetting, match=r"pip install 'e2i-operator\[traces\]'"):
        traces_to("http://collector:4318")


def test_without_an_address_nothing_of_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert traces_to("")._send is None
