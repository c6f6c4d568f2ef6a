"""A Kubeflow pipeline (kfp v2) with one component that releases a model.

python pipeline.py compile release_model.yaml      # for Kubeflow: upload it, or kfp run create -f
python pipeline.py run --bento churn_model:1.0.0   # here, as a process, on the cluster of $KUBECONFIG
"""

# No `from __future__ import annotations` here: kfp reads the annotations as types.
import argparse

from kfp import compiler, dsl, local


@dsl.component(base_image="python:3.11-slim", packages_to_install=["kubernetes==30.1.0"])
def deploy_model(name: str, namespace: str, bento: str, model_type: str, timeout_seconds: int) -> str:
    """Apply an E2IModel and wait until it serves; the output is its address in the cluster.

    kfp ships only this function, so all imports and functions that it needs are inside it.
    """
    # Long for that reason.
    import time

    from kubernetes import client, config, dynamic, watch

    def verdict_of(model: dict) -> str:
        """Return Ready, Stalled, or "" while it is in progress. The status of an earlier spec does not count."""
        status = model.get("status", {})
        if status.get("observedGeneration") != model["metadata"]["generation"]:
            return ""
        holding = {
            condition["type"]: condition
            for condition in status["conditions"]
            if condition["status"] == "True"
        }
        ended = [holding[kind] for kind in ("Ready", "Stalled") if kind in holding]
        print(next(f"{item['reason']}: {item['message']}" for item in status["conditions"]))  # noqa: T201
        return ended[0]["type"] if ended else ""

    try:
        config.load_incluster_config()
    except config.ConfigException:
        config.load_kube_config()
    kinds = dynamic.DynamicClient(client.ApiClient()).resources
    models = kinds.get(api_version="serving.e2i.dev/v1alpha1", kind="E2IModel")
    wanted = {
        "apiVersion": "serving.e2i.dev/v1alpha1",
        "kind": "E2IModel",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": model_type, "bento": {"tag": bento}},
    }
    models.server_side_apply(body=wanted, namespace=namespace, field_manager="kubeflow", force_conflicts=True)
    deadline, selector = time.monotonic() + timeout_seconds, f"metadata.name={name}"
    while (left := int(deadline - time.monotonic())) > 0:
        # A watch ends from time to time. A new watch begins with the current model.
        watcher = watch.Watch()
        for event in models.watch(
            namespace=namespace, field_selector=selector, timeout=left, watcher=watcher
        ):
            verdict = verdict_of(event["raw_object"])
            if verdict == "Stalled" or event["type"] == "DELETED":
                raise RuntimeError(
                    f"{bento} was not released: see above, and kubectl describe e2im {name} -n {namespace}"
                )
            if verdict == "Ready":
                return event["raw_object"]["status"]["url"]
    raise TimeoutError(f"{bento} was not released within {timeout_seconds} s; the states are above")


@dsl.pipeline(
    name="release-model",
    description="Releases a bento of the operator's store, or of its bucket, as an E2IModel.",
)
def release_model(
    bento: str = "churn_model:1.0.0",
    name: str = "churn-model",
    namespace: str = "models",
    model_type: str = "Classification",
    timeout_seconds: int = 900,
) -> str:
    """Release a bento. In a training pipeline put this step after the one that makes the bento."""
    released = deploy_model(
        name=name, namespace=namespace, bento=bento, model_type=model_type, timeout_seconds=timeout_seconds
    )
    # No cache: the same arguments change nothing in the E2IModel, but its state may have changed since the last run.
    released.set_caching_options(False)
    return released.output


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the pipeline, or run it on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("compile").add_argument("file")
    run = commands.add_parser("run")
    for option, default in (("bento", "churn_model:1.0.0"), ("name", "churn-model"), ("namespace", "models")):
        run.add_argument(f"--{option}", default=default)
    run.add_argument("--timeout-seconds", type=int, default=900)
    arguments = vars(parser.parse_args())
    if arguments.pop("command") == "compile":
        compiler.Compiler().compile(release_model, arguments["file"])
        return
    # Without a virtual environment, because this one already has the packages of the component.
    local.init(runner=local.SubprocessRunner(use_venv=False), raise_on_error=True)
    print(release_model(**arguments).output)  # noqa: T201


if __name__ == "__main__":
    main()
