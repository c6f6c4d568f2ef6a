"""Export of a bento of 1 GiB beside plain uploads of the same bytes; prints a table in Markdown.

    python tests/benchmarks/bench_export.py --versitygw PROGRAM [--mib 1024] [--rounds 5] [--folder DIR]

All sides write to the same versitygw on this machine, in turns, each in a process of its own.
"""

# ruff: noqa: T201 - printing a table is what this is for

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.s3 import ACCESS_KEY, SECRET_KEY, S3Server, s3_server

TAG = "big:1.0.0"
XZ_MIB = 32

# Each side prints {"seconds", "cpu", "idle_mib", "peak_mib", "written_mib"} and leaves nothing in the bucket.
PREAMBLE = """
import json, resource, sys, threading, time
from pathlib import Path
endpoint, bucket, store, file = sys.argv[1:]
def written():
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"]) / 2**20
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
def measure(work):
    idle, before = peak(), written()
    wall, cpu = time.monotonic(), time.process_time()
    result = work()
    print(json.dumps({"seconds": time.monotonic() - wall, "cpu": time.process_time() - cpu, "idle_mib": idle,
                      "peak_mib": peak(), "written_mib": written() - before}))
    return result
"""
EXPORT = """
from e2i.archive.s3.bucket import Bucket
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt
remote = Bucket(bucket, endpoint=endpoint)
export = Exporter(Path(store), remote)
# The first request loads what an idle operator has loaded long ago.
remote.head("nothing")
artifact = measure(lambda: export(Attempt(reference="big:1.0.0")))
remote._clients.default.delete_object(Bucket=bucket, Key=artifact.uri.split("/", 3)[3])
"""
CLIENT = """
import boto3
from botocore.config import Config
config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)
s3.list_buckets()
"""
PLAIN_PUT = (
    CLIENT
    + """
with open(file, "rb") as body:
    measure(lambda: s3.put_object(Bucket=bucket, Key="plain", Body=body))
s3.delete_object(Bucket=bucket, Key="plain")
"""
)
UPLOAD_FILE = (
    CLIENT
    + """
measure(lambda: s3.upload_file(file, bucket, "file"))
s3.delete_object(Bucket=bucket, Key="file")
"""
)
SERVICE = """
import bentoml

@bentoml.service(name="big")
class Big:
    weights = bentoml.models.BentoModel("weights:1")

    @bentoml.api
    def ask(self) -> str:
        return "nothing"
"""
BUILD = """
import bentoml, os, sys
from pathlib import Path
with bentoml.models.create("weights:1") as model, open(model.path_of("weights.bin"), "wb") as file:
    for _ in range(int(sys.argv[1])):
        file.write(os.urandom(2**20))
bentoml.bentos.build("service:Big", version="1.0.0", build_ctx=".", python={"lock_packages": False})
"""
# The export comes last, so that the bento that was built just now has settled.
SIDES = {"plain put_object": PLAIN_PUT, "boto3 upload_file": UPLOAD_FILE, "export": EXPORT}


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        root = Path(folder)
        (root / "s3" / "bench").mkdir(parents=True)
        store, file = _inputs(root, arguments.mib)
        with s3_server(arguments.versitygw, root / "s3") as server:
            results: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
            for _ in range(arguments.rounds):
                for name, code in SIDES.items():
                    results[name].append(_run(code, server, store, file))
        _print_table(results, arguments.mib)
        xz = _bentoml_export(root)
        print(f"| bentoml export, .bento (xz), {XZ_MIB} MiB | {xz:.1f} | | | | |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--versitygw", type=Path, default=os.environ.get("E2I_VERSITYGW"))
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="where store and bucket lie")
    arguments = parser.parse_args()
    if arguments.versitygw is None:
        parser.error("name the S3 server's program: --versitygw or E2I_VERSITYGW")
    return arguments


def _inputs(root: Path, mib: int) -> tuple[Path, Path]:
    """A store with one bento whose model has `mib` MiB that do not compress, and that model as a file."""
    context, store = root / "context", root / "store"
    context.mkdir(parents=True)
    (context / "service.py").write_text(SERVICE)
    _bentoml(store, "-c", BUILD, str(mib), cwd=context)
    return store, store / "models" / "weights" / "1" / "weights.bin"


def _bentoml(home: Path, *arguments: str, cwd: Path) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"},
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _run(code: str, server: S3Server, store: Path, file: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code, server.url, "bench", store, file],
        env={**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _print_table(results: dict[str, list[dict[str, float]]], mib: int) -> None:
    def median(name: str, value: Callable[[dict[str, float]], float]) -> float:
        return statistics.median(value(measured) for measured in results[name])

    # Ratios are taken within a round: what else the machine does hits both sides.
    print("| side | MiB/s | ratio to plain put | CPU s/GiB | peak MiB above idle | MiB written to disk |")
    print("|---|---|---|---|---|---|")
    for name, rounds in results.items():
        ratios = [
            plain["seconds"] / measured["seconds"]
            for plain, measured in zip(results["plain put_object"], rounds, strict=True)
        ]
        speed = median(name, lambda measured: mib / measured["seconds"])
        cpu = median(name, lambda measured: measured["cpu"] * 1024 / mib)
        above = median(name, lambda measured: measured["peak_mib"] - measured["idle_mib"])
        disk = max(measured["written_mib"] for measured in rounds)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {name} | {speed:.0f} | {spread} | {cpu:.1f} | {above:.0f} | {disk:.1f} |")


def _bentoml_export(root: Path) -> float:
    """MiB/s of `bentoml export` in its default form, on a smaller bento: a GiB would take a quarter of an hour."""
    store, _ = _inputs(root / "xz", XZ_MIB)
    begun = time.monotonic()
    _bentoml(store, "-m", "bentoml", "export", TAG, str(root / "xz" / "out.bento"), cwd=root)
    return XZ_MIB / (time.monotonic() - begun)


if __name__ == "__main__":
    main()
