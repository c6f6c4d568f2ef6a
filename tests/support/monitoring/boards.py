"""The dashboards, as tables of panels: first those about models, then what carries them."""

from __future__ import annotations

from support.monitoring.boards_inside import GATEWAY, OPERATOR, RELEASES, SERVING
from support.monitoring.panels import CHOSEN, OF, RELEASE, Board, Form, Level, Panel
from support.monitoring.recording import QUANTILES

from e2i.api.drift_bounds import CUSTOMARY_BOUND, OVERLAP_BOUND

_READY = f"max by (namespace, model) (e2i_model_ready{{{CHOSEN}}})"
_OVERDRAWN = (Level(-1000, "red"), Level(0, "orange"), Level(0.25, "green"))


def _over_windows(kind: str) -> tuple[tuple[str, str], ...]:
    share = f"model:e2i_request_{kind}:ratio_rate"
    return tuple((f"{share}{window}{{{CHOSEN}}}", f"{OF} {window}") for window in ("5m", "1h", "6h", "3d"))


def _quantiles() -> tuple[tuple[str, str], ...]:
    seconds = "release:e2i_request_seconds:"
    return tuple((f"{seconds}{each}_rate5m{{{CHOSEN}}}", f"{RELEASE} {each}") for each in QUANTILES)


def _of_inputs(metric: str, *labels: str) -> str:
    by = ", ".join(("model", "release", *labels))
    return f"max by ({by}) ({metric}{{{CHOSEN}}})"


OVERVIEW = Board(
    "e2i-overview",
    "e2i / Overview",
    (
        Panel(
            "Models that are not Ready",
            ((f"count({_READY} == 0) or vector(0)", ""),),
            about="The table beside it names them.",
            form=Form.NUMBER,
            levels=(Level(0, "green"), Level(1, "red")),
            width=6,
        ),
        Panel(
            "Models that are Ready",
            ((f"count({_READY} == 1) or vector(0)", ""),),
            about="Those whose release serves as their spec asks.",
            form=Form.NUMBER,
            levels=(Level(0, "text"),),
            width=6,
        ),
        Panel(
            "Not Ready, and why",
            ((f"max by (namespace, model, reason) (e2i_model_ready{{{CHOSEN}}} == 0)", ""),),
            about="At present. A model's name leads to its dashboard; The runbook says what to do.",
            form=Form.TABLE,
            columns=("namespace", "model", "reason"),
            empty="All models are Ready.",
        ),
        Panel(
            "Alerts that fire",
            (
                (
                    'sum by (alertname, severity) (ALERTS{alertname=~"E2I.*",alertstate="firing"})',
                    "{{alertname}} ({{severity}})",
                ),
            ),
            about="How many of each fired when. The runbook has a section for each.",
            form=Form.STATES,
            colour="red",
            empty="None fires.",
        ),
        Panel(
            "Models by reason",
            ((f"count by (reason) (e2i_model_ready{{{CHOSEN}}})", "{{reason}}"),),
            about="How many models were Ready when, and how many were not for which reason.",
            form=Form.STATES,
            colour="orange",
            colours=(("Ready", "green"),),
        ),
        Panel(
            "Requests",
            ((f"sum by (namespace, model) (model:e2i_requests:rate5m{{{CHOSEN}}})", OF),),
            "reqps",
            "Those of callers, without probes.",
        ),
        Panel(
            "Failed requests",
            ((f"model:e2i_request_errors:ratio_rate5m{{{CHOSEN}}}", OF),),
            "percentunit",
            "Share that was answered with 5xx.",
        ),
        Panel(
            "95 % of requests take less than",
            ((f"model:e2i_request_seconds:p95_rate5m{{{CHOSEN}}}", OF),),
            "s",
            "From the model's own times, without the network.",
        ),
        Panel(
            "Ready pods",
            ((f"max by (namespace, model) (e2i_model_ready_replicas{{{CHOSEN}}})", OF),),
            about="Of the release that has the address.",
            is_count=True,
        ),
    ),
)

SLO = Board(
    "e2i-slo",
    "e2i / Objectives",
    (
        Panel(
            "Budget of errors left, 30 days",
            ((f"model:e2i_errors_budget_left:ratio30d{{{CHOSEN}}}", OF),),
            "percentunit",
            "100 % is all of it; below 0 it is overdrawn.",
            Form.NUMBER,
            _OVERDRAWN,
        ),
        Panel(
            "Budget of slow requests left, 30 days",
            ((f"model:e2i_slow_budget_left:ratio30d{{{CHOSEN}}}", OF),),
            "percentunit",
            "100 % is all of it; below 0 it is overdrawn.",
            Form.NUMBER,
            _OVERDRAWN,
        ),
        Panel(
            "Failed requests",
            _over_windows("errors"),
            "percentunit",
            "A short window above a long one: it gets worse.",
        ),
        Panel(
            "Slow requests (over 100 ms)",
            _over_windows("slow"),
            "percentunit",
            "A short window above a long one: it gets worse.",
        ),
    ),
)

MODEL = Board(
    "e2i-model",
    "e2i / Model",
    (
        Panel(
            "Ready",
            ((f"max by (model, reason) (e2i_model_ready{{{CHOSEN}}})", "{{model}}: {{reason}}"),),
            about="Which reason the condition Ready had when.",
            form=Form.STATES,
            levels=(Level(0, "orange", "not Ready"), Level(1, "green", "Ready")),
        ),
        SERVING,
        Panel(
            "Requests by release",
            ((f"release:e2i_requests:rate5m{{{CHOSEN}}}", RELEASE),),
            "reqps",
            "Those of callers, without probes.",
        ),
        Panel(
            "Requests by bento",
            ((f"bento:e2i_requests:rate5m{{{CHOSEN}}}", "{{tag}}"),),
            "reqps",
            "The same by the bento's tag.",
        ),
        Panel(
            "Failed requests by release",
            ((f"release:e2i_request_errors:ratio_rate5m{{{CHOSEN}}}", RELEASE),),
            "percentunit",
            "Share that was answered with 5xx.",
        ),
        Panel(
            "Slow requests by release",
            ((f"release:e2i_request_slow:ratio_rate5m{{{CHOSEN}}}", RELEASE),),
            "percentunit",
            "Share that took longer than 100 ms.",
        ),
        Panel("Time of a request", _quantiles(), "s", "From the model's own times, without the network."),
        Panel(
            "Pods",
            (
                (f"max by (model) (e2i_model_replicas{{{CHOSEN}}})", "{{model}} there"),
                (f"max by (model) (e2i_model_ready_replicas{{{CHOSEN}}})", "{{model}} ready"),
            ),
            about="Of the release that has the address.",
            is_count=True,
        ),
        Panel(
            "Drift",
            (
                (_of_inputs("e2i_input_drift_psi", "feature"), f"{RELEASE} {{{{feature}}}}"),
                (_of_inputs("e2i_prediction_drift_psi"), f"{RELEASE}: predicted numbers"),
                (_of_inputs("e2i_propensity_drift_psi"), f"{RELEASE}: chance of treatment"),
                (f"0 * max(e2i_input_drift_psi{{{CHOSEN}}}) + {CUSTOMARY_BOUND}", "bound"),
            ),
            about="Stability index of the last rows against the training data. What stays above the bound has drifted, "
            "unless spec.drift has another bound.",
        ),
        Panel(
            "Rows outside the overlap",
            (
                (_of_inputs("e2i_overlap_outside_ratio"), RELEASE),
                (_of_inputs("e2i_overlap_outside_training_ratio"), f"{RELEASE} in training"),
                (
                    f"{_of_inputs('e2i_overlap_outside_training_ratio')} + {OVERLAP_BOUND}",
                    f"{RELEASE}: bound",
                ),
            ),
            "percentunit",
            "Of causal models: rows unlike all that were treated in training, or unlike all that were not. Above the "
            "bound the model has drifted, unless spec.drift has another bound.",
            empty="No causal model with an overlap.",
        ),
    ),
)

BOARDS = (OVERVIEW, SLO, MODEL, RELEASES, OPERATOR, GATEWAY)
