"""The dashboards of what carries the models: releases, the operator, the gateway."""

from __future__ import annotations

from support.monitoring.panels import CHOSEN, RATE, RELEASE, Board, Form, Level, Panel, in_an_hour

SERVING = Panel(
    "Serving releases",
    (
        (
            f'max by (model, release, tag) (e2i_release_info{{{CHOSEN},role="serving"}})',
            "{{tag}} {{release}}",
        ),
    ),
    about="Which release had the address when.",
    form=Form.STATES,
    levels=(Level(1, "green", "serving"),),
)

RELEASES = Board(
    "e2i-releases",
    "e2i / Releases",
    (
        SERVING,
        Panel(
            "Releases in quarantine",
            (
                (
                    f"max by (model, release, reason) (e2i_model_quarantined{{{CHOSEN}}})",
                    f"{RELEASE}: {{{{reason}}}}",
                ),
            ),
            about="They failed, and are not tried again until the spec changes or somebody asks: kubectl e2i retry.",
            form=Form.STATES,
            levels=(Level(1, "red", "in quarantine"),),
            empty="None.",
        ),
        Panel(
            "Releases in an hour, by what became of them",
            ((in_an_hour("e2i_releases_total", "result"), "{{result}}"),),
            about="Of all models. RolledBack had the address; Failed never got it; Overtaken: the spec changed.",
            is_count=True,
        ),
        Panel(
            "From a change to the address, 95 %",
            (
                (
                    "histogram_quantile(0.95, sum by (le) (rate(e2i_release_lead_seconds_bucket[1h])))",
                    "last hour",
                ),
            ),
            "s",
            "Of the releases of all models that served in the last hour.",
        ),
        Panel(
            "Exports in an hour",
            ((in_an_hour("e2i_exports_total", "result"), "{{result}}"),),
            about="Each try, of all models. refused: the bento cannot be exported as it is.",
            is_count=True,
        ),
        Panel(
            "Bytes uploaded",
            ((f"sum(rate(e2i_export_bytes_total{RATE}))", "to S3"),),
            "Bps",
            "Archives of bentos, of all models.",
        ),
        Panel(
            "Images",
            (("max by (state) (e2i_builds)", "{{state}}"),),
            about="Asked for from Yatai, of all models. waiting: nobody builds them yet.",
            is_count=True,
        ),
        Panel(
            "Verifications in an hour",
            ((in_an_hour("e2i_verifications_total", "result"), "{{result}}"),),
            about="By golden predictions, of all models. held_up: by somebody else than the release.",
            is_count=True,
        ),
    ),
)

_PASS = '{controller="e2imodel"}'
OPERATOR = Board(
    "e2i-operator",
    "e2i / Operator",
    (
        Panel(
            "Active operators",
            (("sum(leader_election_master_status and on (instance) e2i_build_info) or vector(0)", ""),),
            about="One for each installation: without one nothing is released, and what serves goes on.",
            form=Form.NUMBER,
            levels=(Level(0, "red"), Level(1, "green")),
            width=6,
        ),
        Panel(
            "Models that wait now",
            (('max(workqueue_depth{name="e2imodel"})', ""),),
            about="For a pass of the operator.",
            form=Form.NUMBER,
            levels=(Level(0, "text"),),
            width=6,
        ),
        Panel(
            "Models that wait",
            (('max(workqueue_depth{name="e2imodel"})', "models"),),
            about="A queue that does not become empty: see E2IQueueStuck in the runbook.",
            is_count=True,
        ),
        Panel(
            "Passes",
            ((f"sum by (result) (rate(controller_runtime_reconcile_total{_PASS}{RATE}))", "{{result}}"),),
            "ops",
            "requeue: something was changed; requeue_after: it looks again later.",
        ),
        Panel(
            "95 % of passes take less than",
            (
                (
                    "histogram_quantile(0.95, sum by (le) "
                    f"(rate(controller_runtime_reconcile_time_seconds_bucket{_PASS}{RATE})))",
                    "a pass",
                ),
            ),
            "s",
            "One look of the operator at one model.",
        ),
        Panel(
            "Requests to the API server",
            (
                (
                    f"sum by (method, code) (rate(rest_client_requests_total{RATE}) and on (instance) e2i_build_info)",
                    "{{method}} {{code}}",
                ),
            ),
            "reqps",
            "By status; <error> is no answer.",
        ),
        Panel(
            "Requests to S3",
            ((f"sum by (operation, code) (rate(e2i_s3_requests_total{RATE}))", "{{operation}} {{code}}"),),
            "reqps",
            "By status; <error> is no answer.",
        ),
        Panel(
            "Since the API server last spoke of a kind",
            (("max by (kind) (e2i_watch_age_seconds)", "{{kind}}"),),
            "s",
            "It does each minute. Red: E2IWatchStale fires, and the operator may act on what is no more.",
            Form.STATES,
            (Level(0, "green"), Level(180, "orange"), Level(600, "red")),
        ),
        Panel(
            "Memory",
            (("process_resident_memory_bytes and on (instance) e2i_build_info", "{{instance}}"),),
            "bytes",
            "Of each operator, standbys too.",
        ),
        Panel(
            "CPU",
            ((f"rate(process_cpu_seconds_total{RATE}) and on (instance) e2i_build_info", "{{instance}}"),),
            "percentunit",
            "100 % is one core.",
        ),
    ),
)

_OF = 'model!="",model=~"(?:$namespace/)?(?:$model)"'
_ANSWERS = f"rate(e2i_gateway_requests_total{{{_OF}}}{RATE})"
_FAILED = f'rate(e2i_gateway_requests_total{{{_OF},code=~"5.."}}{RATE})'
GATEWAY = Board(
    "e2i-gateway",
    "e2i / Gateway",
    (
        Panel(
            "Circuits",
            ((f"max by (model) (e2i_gateway_circuit_state{{{_OF}}})", "{{model}}"),),
            about="Open: the model failed too often and is not asked. Half open: single requests try it.",
            form=Form.STATES,
            levels=(Level(0, "green", "closed"), Level(1, "orange", "half open"), Level(2, "red", "open")),
        ),
        Panel(
            "Models by state",
            (("max by (state) (e2i_gateway_models) > 0", "{{state}}"),),
            about="How many were in each. Degraded: a release answers, but not the one that the spec asks for, or with "
            "too few pods. Down: one served, and none does now.",
            form=Form.STATES,
            colours=(("Serving", "green"), ("Degraded", "orange"), ("Down", "red")),
        ),
        Panel(
            "Requests by model",
            ((f"sum by (model) ({_ANSWERS})", "{{model}}"),),
            "reqps",
            "Answers of models, and refusals of requests to them.",
        ),
        Panel(
            "Answers by status",
            ((f"sum by (code) (rate(e2i_gateway_requests_total{RATE}))", "{{code}}"),),
            "reqps",
            "Of all models, and of requests to none.",
        ),
        Panel(
            "Failed answers",
            (
                (
                    f"(sum by (model) ({_FAILED}) or 0 * sum by (model) ({_ANSWERS})) / sum by (model) ({_ANSWERS})",
                    "{{model}}",
                ),
            ),
            "percentunit",
            "Share that was answered with 5xx.",
        ),
        Panel(
            "95 % of requests take less than",
            (
                (
                    "histogram_quantile(0.95, sum by (model, le) "
                    f"(rate(e2i_gateway_request_duration_seconds_bucket{{{_OF}}}{RATE})))",
                    "{{model}}",
                ),
            ),
            "s",
            "From the request's head to its answer.",
        ),
        Panel(
            "Refused by the gateway itself",
            ((f"sum by (reason) (rate(e2i_gateway_refused_total{RATE}))", "{{reason}}"),),
            "reqps",
            "Of all models. docs/reference/gateway.md has the reasons.",
        ),
    ),
)
