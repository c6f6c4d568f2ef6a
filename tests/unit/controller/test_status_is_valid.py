"""Whatever others write, the API server takes the status and the events: valid by the schema, and within its bounds."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st
from support import quick_yaml
from support.builders import NOON, a_model, failed, seen, seen_serving
from support.deep import examples

from e2i.api.conditions import LONGEST_MESSAGE, Reason, one_line
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.evidence.failure_evidence import Evidence, to_status
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.table import plan
from e2i.controller.core.status.report import Report, report
from e2i.kube.connection import encode

MODEL = a_model()
PROJECT = Path(__file__).resolve().parents[3]
CRD = quick_yaml.load((PROJECT / "manifests/crds/e2imodels.yaml").read_text())
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
VALID = jsonschema_rs.Draft202012Validator(SCHEMA)
ODD_WORDS = st.one_of(
    st.text(st.characters(), min_size=1, max_size=50),
    st.sampled_from(
        ["\N{PILE OF POO}" * 3000, "\x00\x1b[2J", "\ud83d" * 2000, "a\n" * 9000, "\u202e" * 4000]
    ),
)


def told_of(model: Model, state: Observed) -> Report:
    here = Situation(model, state)
    return report(here, plan(here, NOON), (), NOON)


@settings(max_examples=examples(25))
@given(words=ODD_WORDS, other=ODD_WORDS)
def test_whatever_others_write_the_status_is_valid(words: str, other: str) -> None:
    """The API server counts characters in a schema, and bytes in an Event."""
    left = Evidence(pod="churn-1-a", container="main", terminated_reason=words, log=other[:4096], http=other)
    problem = Problem(reason=Reason.CrashLoop, message=words, final=True)
    state = seen_serving(
        MODEL, export=Problem(reason=Reason.ExportFailed, message=other), pod_problem=problem
    )
    failing = failed(MODEL, message=one_line(words), evidence=to_status(left))
    for told in (
        told_of(MODEL, state),
        told_of(MODEL, seen(export=problem, records=())),
        told_of(failing, state),
    ):
        VALID.validate(json.loads(json.dumps(told.status)))
        assert encode(dict(told.status)).decode()
        assert all(len(each.message.encode()) <= LONGEST_MESSAGE for each in told.transitions)
