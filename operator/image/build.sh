#!/usr/bin/env bash
# Build the operator's image with the first of docker, podman and buildah that works, and write its SBOM to dist/.
#
#     operator/image/build.sh [NAME]      ghcr.io/e2i-dev/e2i-operator:VERSION if no name is given
#
# Where the base cannot be pulled, buildah takes one of Debian packages instead (debian_base.sh).
# Variables: BUILDER, one of the three; BASE, another base image; PIP_INDEX_URL; REVISION, the commit, where there is no
# repository; SOURCE_DATE_EPOCH: podman and buildah give all files this time and take nothing from an earlier build.
set -euo pipefail
cd "$(dirname "$0")/../.."

official=docker.io/library/python:3.11-slim
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' operator/src/e2i/__init__.py)
revision=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
image=${1:-ghcr.io/e2i-dev/e2i-operator:$version}
# It works in containers and without root too; the commands that it keeps in are our own.
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
certificates=/etc/ssl/certs/ca-certificates.crt

fail() {
  echo "$*" >&2
  exit 1
}

find_builder() {
  for builder in ${BUILDER:-docker podman buildah}; do
    if "$builder" info >/dev/null 2>&1; then
      echo "$builder"
      return
    fi
  done
  fail "No container builder works here (${BUILDER:-docker, podman, buildah}): start Docker, or install one, on Debian as" \
    "root with 'apt-get install --no-install-recommends buildah runc debootstrap'."
}

# The name of the base: given, official, or made here.
find_base() {
  if [ -n "${BASE:-}" ]; then
    echo "$BASE"
  elif "$builder" inspect "$official" >/dev/null 2>&1 || timeout 300 "$builder" pull "$official" >/dev/null; then
    echo "$official"
  elif [ "$builder" = buildah ]; then
    echo "$official cannot be pulled: taking a base of Debian packages" >&2
    operator/image/debian_base.sh
  else
    fail "$builder cannot pull $official: name an image with Python 3.11, venv and pip in BASE, or install buildah and" \
      "debootstrap and set BUILDER=buildah, which makes a base of Debian packages."
  fi
}

builder=$(find_builder)
base=$(find_base)
arguments=(--build-arg "BASE=$base" --build-arg "VERSION=$version" --build-arg "REVISION=$revision")
[ -z "${PIP_INDEX_URL:-}" ] || arguments+=(--build-arg PIP_INDEX_URL)
if [ "$builder" = docker ]; then
  docker build "${arguments[@]}" -f operator/Dockerfile -t "$image" .
else
  # A machine behind a proxy with an authority of its own trusts it by its own certificates.
  if [ -f "$certificates" ]; then
    arguments+=(--volume "${certificates%/*}:${certificates%/*}:ro" --build-arg "PIP_CERT=$certificates")
  fi
  [ -z "${SOURCE_DATE_EPOCH:-}" ] || arguments+=(--no-cache --timestamp "$SOURCE_DATE_EPOCH")
  # The network of the machine: without it a machine's rules for containers decide whether packages can be downloaded.
  "$builder" build --pull=never --layers --format oci --network host --ignorefile operator/Dockerfile.dockerignore \
    "${arguments[@]}" -f operator/Dockerfile -t "$image" .
fi

mkdir -p dist
sbom=dist/e2i-operator-$version.cdx.json
if [ "$builder" = buildah ]; then
  container=$(buildah from --pull=never "$image")
  buildah run "$container" cat /opt/e2i/sbom.cdx.json >"$sbom"
  buildah rm "$container" >/dev/null
else
  "$builder" run --rm --network none --entrypoint cat "$image" /opt/e2i/sbom.cdx.json >"$sbom"
fi
echo "$image, built with $builder on $base; its SBOM is $sbom"
