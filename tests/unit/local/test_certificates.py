"""Certificates: what is made, what is kept, what is renewed."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from e2i.local.certificates import AUTHORITIES, CERTIFICATES, SERVICE_ACCOUNT_KEY, ensure_certificates
from e2i.local.layout import ClusterHome

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVERYTHING = {*AUTHORITIES, *(certificate.name for certificate in CERTIFICATES), SERVICE_ACCOUNT_KEY}


@pytest.fixture
def home(tmp_path: Path) -> ClusterHome:
    home = ClusterHome("test", 2, tmp_path)
    ensure_certificates(home, NOON)
    return home


def test_the_first_time_everything_is_made(tmp_path: Path) -> None:
    assert set(ensure_certificates(ClusterHome("test", 0, tmp_path), NOON)) == EVERYTHING


def test_the_second_time_nothing_is_made(home: ClusterHome) -> None:
    assert ensure_certificates(home, NOON + timedelta(days=300)) == []


def test_what_ends_within_a_month_is_renewed_and_authorities_stay(home: ClusterHome) -> None:
    made = ensure_certificates(home, NOON + timedelta(days=340))
    assert set(made) == {certificate.name for certificate in CERTIFICATES}


@pytest.mark.parametrize("damage", ["", "rubbish"])
def test_a_damaged_key_is_made_again_alone(home: ClusterHome, damage: str) -> None:
    (home.pki / "node.key").write_text(damage)
    assert ensure_certificates(home, NOON) == ["node"]


def test_a_key_of_another_certificate_is_not_taken(home: ClusterHome) -> None:
    (home.pki / "node.key").write_bytes((home.pki / "proxy.key").read_bytes())
    assert ensure_certificates(home, NOON) == ["node"]


def test_a_new_authority_brings_new_certificates_below_it(home: ClusterHome) -> None:
    (home.pki / "etcd-ca.key").unlink()
    assert set(ensure_certificates(home, NOON)) == {"etcd-ca", "etcd-serving", "etcd-client"}


def test_keys_are_readable_by_their_owner_only(home: ClusterHome) -> None:
    modes = {stat.S_IMODE(key.stat().st_mode) for key in home.pki.glob("*.key")}
    assert modes == {0o600}
    assert stat.S_IMODE(home.pki.stat().st_mode) == 0o700


def test_an_identity_says_who_it_is(home: ClusterHome) -> None:
    certificate = x509.load_pem_x509_certificate((home.pki / "node.crt").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=system:node:local,O=system:nodes"


def test_a_database_certificate_is_not_signed_by_the_cluster(home: ClusterHome) -> None:
    cluster = x509.load_pem_x509_certificate((home.pki / "cluster-ca.crt").read_bytes())
    client = x509.load_pem_x509_certificate((home.pki / "etcd-client.crt").read_bytes())
    with pytest.raises(ValueError, match="Issuer"):
        client.verify_directly_issued_by(cluster)
