#!/bin/sh
# Download the CRDs that ../crds names into this folder, and compare them with SHA256SUMS.
set -eu
cd "$(dirname "$0")"
sed -n 's/^ *- \(https:.*\)$/\1/p' ../crds/kustomization.yaml | while read -r address; do
  curl --fail --silent --show-error --location --remote-name "$address"
done
sha256sum --check SHA256SUMS
