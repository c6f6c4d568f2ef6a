"""The components of a local cluster: their commands and their readiness endpoints. Pure.

To add a component, write a function that returns a `Component` and add it to `components()`, in starting order.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from e2i.local.component import Component, Tools
from e2i.local.credentials import S3Credentials
from e2i.local.kubernetes_versions import api_server_flags
from e2i.local.layout import ClusterHome
from e2i.local.metrics_server import autoscaler_flags, metrics_flags
from e2i.local.readiness import Endpoint

BUCKET = "e2i"
REGION = "us-east-1"

METRICS_SERVER = "metrics-server"
"""Runs only in clusters that are to have it."""
START_WAVES = (
    ("etcd", "s3"),
    ("kube-apiserver",),
    ("kube-controller-manager", "kube-scheduler", "yatai", "node"),
    (METRICS_SERVER,),
)
"""Groups of components that can start at the same time; a group needs the groups before it."""
COMPONENT_NAMES = tuple(name for wave in START_WAVES for name in wave)
"""The names of all components, in starting order."""
SETTLED_WITH = "node"
"""While this component starts the cluster gets its first objects; what starts later needs them."""
CONTROL_PLANE = tuple(name for name in COMPONENT_NAMES if name not in ("yatai", "node", METRICS_SERVER))


def components(home: ClusterHome, tools: Tools, credentials: S3Credentials) -> tuple[Component, ...]:
    """Return the cluster's components, in the order of `COMPONENT_NAMES`; they are stopped in reverse order."""
    return (
        etcd(home, tools),
        s3(home, tools, credentials),
        api_server(home, tools),
        controller_manager(home, tools),
        scheduler(home, tools),
        yatai(home),
        node(home),
        *([metrics_server(home, tools)] if home.metrics else []),
    )


def etcd(home: ClusterHome, tools: Tools) -> Component:
    clients = f"https://127.0.0.1:{home.ports.etcd_client}"
    peers = f"https://127.0.0.1:{home.ports.etcd_peer}"
    ca = f"{home.pki}/etcd-ca.crt"
    flags = {
        "name": "local",
        "data-dir": home.etcd,
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"local={peers}",
        "cert-file": f"{home.pki}/etcd-serving.crt",
        "key-file": f"{home.pki}/etcd-serving.key",
        "client-cert-auth": "true",
        "trusted-ca-file": ca,
        "peer-cert-file": f"{home.pki}/etcd-serving.crt",
        "peer-key-file": f"{home.pki}/etcd-serving.key",
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": ca,
        # Keeps the folder small on machines that are up for weeks.
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1h",
    }
    return Component(
        "etcd",
        _argv(tools.controlplane, "etcd", flags),
        (home.ports.etcd_client, home.ports.etcd_peer),
        Endpoint(home.ports.etcd_client, "/readyz", "etcd-ca", "etcd-client"),
    )


def s3(home: ClusterHome, tools: Tools, credentials: S3Credentials) -> Component:
    argv = [
        str(tools.versitygw),
        f"--port=127.0.0.1:{home.ports.s3}",
        f"--region={REGION}",
        "--health=/healthz",
        "--quiet",
        "posix",
    ]
    if credentials.metadata_folder:
        argv.append(f"--sidecar={credentials.metadata_folder}")
    return Component(
        "s3",
        (*argv, str(home.bucket_data)),
        (home.ports.s3,),
        Endpoint(home.ports.s3, "/healthz"),
        # Not as flags: every user of the machine can read those.
        {
            "ROOT_ACCESS_KEY_ID": credentials.access_key_id,
            "ROOT_SECRET_ACCESS_KEY": credentials.secret_access_key,
        },
    )


def api_server(home: ClusterHome, tools: Tools) -> Component:
    flags = _api_server_keys(home.pki) | {
        "bind-address": "127.0.0.1",
        "secure-port": home.ports.api_server,
        # Not used: pods reach the server on 127.0.0.1. But the flag is required and a loopback address is refused,
        # so it is the last address of the pod range. Therefore no endpoint is published.
        "advertise-address": home.addresses.pod_range.replace("0.0/16", "255.254"),
        "endpoint-reconciler-type": "none",
        "service-cluster-ip-range": home.addresses.service_range,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "anonymous-auth": "false",
        "allow-privileged": "true",
        "profiling": "false",
        "etcd-servers": f"https://127.0.0.1:{home.ports.etcd_client}",
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "audit-policy-file": Path(__file__).parent / "manifests" / "audit-policy.yaml",
        "audit-log-path": home.audit_log,
        "audit-log-maxsize": 50,
        "audit-log-maxbackup": 2,
    }
    flags |= api_server_flags(home.kubernetes)
    return Component(
        "kube-apiserver",
        _argv(tools.controlplane, "kube-apiserver", flags),
        (home.ports.api_server,),
        Endpoint(home.ports.api_server, "/readyz", "cluster-ca", "admin"),
    )


def _api_server_keys(pki: Path) -> dict[str, object]:
    """Return the flags that name a file with a certificate or a key."""
    return {
        "client-ca-file": pki / "cluster-ca.crt",
        "tls-cert-file": pki / "kube-apiserver-serving.crt",
        "tls-private-key-file": pki / "kube-apiserver-serving.key",
        "etcd-cafile": pki / "etcd-ca.crt",
        "etcd-certfile": pki / "etcd-client.crt",
        "etcd-keyfile": pki / "etcd-client.key",
        "kubelet-certificate-authority": pki / "cluster-ca.crt",
        "kubelet-client-certificate": pki / "kube-apiserver-kubelet-client.crt",
        "kubelet-client-key": pki / "kube-apiserver-kubelet-client.key",
        "service-account-key-file": pki / "service-account.key",
        "service-account-signing-key-file": pki / "service-account.key",
        "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
        "proxy-client-cert-file": pki / "front-proxy-client.crt",
        "proxy-client-key-file": pki / "front-proxy-client.key",
    }


def controller_manager(home: ClusterHome, tools: Tools) -> Component:
    flags = {
        **_controller_flags(home, "kube-controller-manager", home.ports.controller_manager),
        **(autoscaler_flags() if home.metrics else {}),
        "service-account-private-key-file": home.pki / "service-account.key",
        "root-ca-file": home.pki / "cluster-ca.crt",
        "cluster-signing-cert-file": home.pki / "cluster-ca.crt",
        "cluster-signing-key-file": home.pki / "cluster-ca.key",
        "use-service-account-credentials": "true",
    }
    return Component(
        "kube-controller-manager",
        _argv(tools.controlplane, "kube-controller-manager", flags),
        (home.ports.controller_manager,),
        Endpoint(home.ports.controller_manager, "/healthz", "cluster-ca"),
    )


def scheduler(home: ClusterHome, tools: Tools) -> Component:
    return Component(
        "kube-scheduler",
        _argv(
            tools.controlplane,
            "kube-scheduler",
            _controller_flags(home, "kube-scheduler", home.ports.scheduler),
        ),
        (home.ports.scheduler,),
        Endpoint(home.ports.scheduler, "/readyz", "cluster-ca"),
    )


def node(home: ClusterHome) -> Component:
    return Component(
        "node",
        _python("e2i.local.node", home),
        (home.ports.node_agent,),
        Endpoint(home.ports.node_agent, "/healthz", "cluster-ca", "kube-apiserver-kubelet-client"),
    )


def metrics_server(home: ClusterHome, tools: Tools) -> Component:
    port = home.ports.metrics_server
    flags = metrics_flags(home) | _serving_flags(home, METRICS_SERVER, port)
    argv = (str(tools.metricsserver), *_written(flags))
    return Component(METRICS_SERVER, argv, (port,), Endpoint(port, "/readyz", "cluster-ca"))


def yatai(home: ClusterHome) -> Component:
    return Component("yatai", _python("e2i.local.yatai", home))


def _controller_flags(home: ClusterHome, identity: str, port: int) -> dict[str, object]:
    # Each runs once: an election would only delay the start.
    return {**_serving_flags(home, identity, port), "leader-elect": "false"}


def _serving_flags(home: ClusterHome, identity: str, port: int) -> dict[str, object]:
    kubeconfig = home.kubeconfig_of(identity)
    return {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "tls-cert-file": home.pki / f"{identity}-serving.crt",
        "tls-private-key-file": home.pki / f"{identity}-serving.key",
        "profiling": "false",
    }


def _argv(program: Path, command: str, flags: dict[str, object]) -> tuple[str, ...]:
    return (str(program), command, *_written(flags))


def _written(flags: dict[str, object]) -> Iterator[str]:
    return (f"--{name}={value}" for name, value in flags.items())


def _python(module: str, home: ClusterHome) -> tuple[str, ...]:
    # -P: a file in the current folder must not shadow a module.
    return (sys.executable, "-P", "-m", module, "--home", str(home.root))
