"""Keys and certificates of one local cluster.

Three authorities, as on a real cluster: one for etcd, so that no other identity can read the database; one for the
front proxy, so that only the API server can impersonate users; one for all other identities. `CERTIFICATES` is the
complete list. All files are in `<cluster home>/pki`; only the owner can read the keys.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from e2i.local.layout import ClusterHome

AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
# Clocks of laptops jump: a certificate that is valid from now on may be "not yet valid" a moment later.
BACKDATE = timedelta(hours=1)

AUTHORITIES = ("cluster-ca", "etcd-ca", "front-proxy-ca")
SERVICE_ACCOUNT_KEY = "service-account.key"


@dataclass(frozen=True)
class Certificate:
    """The purpose of one key pair: `<name>.crt` and `<name>.key`, signed by `authority`."""

    name: str
    authority: str
    subject: str
    groups: tuple[str, ...] = ()
    serves: bool = False
    """A server's certificate, for 127.0.0.1 and `hosts`; otherwise a client's."""
    hosts: tuple[str, ...] = ()


def _client(name: str, subject: str, *groups: str) -> Certificate:
    return Certificate(name, "cluster-ca", subject, groups)


IDENTITIES = (
    _client("admin", "e2i:admin", "system:masters"),
    _client("kube-controller-manager", "system:kube-controller-manager"),
    _client("kube-scheduler", "system:kube-scheduler"),
    _client("node", "system:node:local", "system:nodes"),
    _client("proxy", "system:kube-proxy"),
    _client("yatai-deployment", "e2i:yatai-deployment"),
    _client("yatai-image-builder", "e2i:yatai-image-builder"),
    _client("metrics-server", "e2i:metrics-server"),
)
"""Identities that may call the API server; each has a kubeconfig of the same name."""

KUBELET_CLIENT = _client("kube-apiserver-kubelet-client", "kube-apiserver-kubelet-client")
"""The identity with which the API server calls the node agent."""

_API_HOSTS = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
_METRICS_HOSTS = ("metrics-server.kube-system.svc",)
"""The name by which the API server asks it."""

CERTIFICATES = (
    *IDENTITIES,
    KUBELET_CLIENT,
    Certificate("kube-apiserver-serving", "cluster-ca", "kube-apiserver", serves=True, hosts=_API_HOSTS),
    Certificate("kube-controller-manager-serving", "cluster-ca", "kube-controller-manager", serves=True),
    Certificate("kube-scheduler-serving", "cluster-ca", "kube-scheduler", serves=True),
    Certificate("metrics-server-serving", "cluster-ca", "metrics-server", serves=True, hosts=_METRICS_HOSTS),
    Certificate("node-serving", "cluster-ca", "system:node:local", serves=True, hosts=("local",)),
    Certificate("etcd-serving", "etcd-ca", "etcd", serves=True),
    Certificate("etcd-client", "etcd-ca", "kube-apiserver"),
    Certificate("front-proxy-client", "front-proxy-ca", "front-proxy-client"),
)


def ensure_certificates(home: ClusterHome, now: datetime) -> list[str]:
    """Issue the certificates and keys that are missing, unreadable, of another authority or near their end.

    Returns the names of the new ones.
    """
    home.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = []
    for authority in AUTHORITIES:
        if not _is_sound(home.pki, authority, None, now):
            _write_pair(home.pki, authority, *_new_authority(authority, now))
            made.append(authority)
    for certificate in CERTIFICATES:
        if not _is_sound(home.pki, certificate.name, certificate.authority, now):
            _write_pair(home.pki, certificate.name, *_issue(home, certificate, now))
            made.append(certificate.name)
    if not _read_key(home.pki / SERVICE_ACCOUNT_KEY):
        _write_private(home.pki / SERVICE_ACCOUNT_KEY, _key_pem(ec.generate_private_key(ec.SECP256R1())))
        made.append(SERVICE_ACCOUNT_KEY)
    return made


def _is_sound(folder: Path, name: str, authority: str | None, now: datetime) -> bool:
    """Return whether certificate and key match, stay valid long enough and are signed by the current authority."""
    certificate = _read_certificate(folder / f"{name}.crt")
    key = _read_key(folder / f"{name}.key")
    if certificate is None or key is None or certificate.not_valid_after_utc - now < RENEW_BEFORE:
        return False
    if certificate.public_key() != key.public_key():
        return False
    signer = _read_certificate(folder / f"{authority or name}.crt")
    try:
        certificate.verify_directly_issued_by(signer) if signer else None
    except (ValueError, TypeError, InvalidSignature):
        return False
    return signer is not None


def _new_authority(name: str, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    # A number in the name, so that the old and the new authority have different names after a renewal.
    subject = _name(f"e2i-{name}-{x509.random_serial_number():x}"[:60])
    certificate = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _issue(
    home: ClusterHome, wanted: Certificate, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    signer = _read_certificate(home.pki / f"{wanted.authority}.crt")
    signing_key = _read_key(home.pki / f"{wanted.authority}.key")
    if signer is None or signing_key is None:
        raise RuntimeError(f"{wanted.authority} must be made before {wanted.name}")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(wanted.subject, wanted.groups)
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(subject, signer.subject, key.public_key(), now, CERTIFICATE_LIFE)
    if wanted.serves:
        # etcd calls itself with its serving certificate, so a server is a client too.
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = builder.add_extension(_hosts(home, wanted), critical=False)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
        .sign(signing_key, hashes.SHA256())
    )
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + life)
    )


def _name(common_name: str, groups: tuple[str, ...] = ()) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _hosts(home: ClusterHome, wanted: Certificate) -> x509.SubjectAlternativeName:
    addresses = ["127.0.0.1", home.addresses.kubernetes_service]
    return x509.SubjectAlternativeName(
        [
            *(x509.DNSName(host) for host in ("localhost", *wanted.hosts)),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
        ]
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        # The form that the API server also takes a public key from.
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _write_pair(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    _write_private(folder / f"{name}.key", _key_pem(key))
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _read_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None
