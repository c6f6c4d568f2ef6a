#!/usr/bin/env bash
# Make a base image of Debian packages with buildah, and print its name: for machines that can reach a Debian mirror and no
# registry. It stands for python:3.11-slim, and is made once.
set -euo pipefail

release=bookworm
name=localhost/e2i-python-base:$release

if buildah inspect --type image "$name" >/dev/null 2>&1; then
  echo "$name"
  exit
fi
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
  echo "A base image of Debian packages is made by debootstrap and by root: become root, and install it with" \
    "'apt-get install --no-install-recommends debootstrap'." >&2
  exit 1
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates "$release" "$folder" >&2
ln -s python3 "$folder/usr/bin/python"
# As in the official image: pip may install, and no module is compiled. Caches of apt and manuals are of no use.
rm -f "$folder"/usr/lib/python3.*/EXTERNALLY-MANAGED
rm -rf "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/* "$folder"/var/log/* "$folder"/usr/share/{doc,man,locale}/*
find "$folder/usr/lib" -name __pycache__ -prune -exec rm -rf {} +

container=$(buildah from scratch)
buildah add --quiet "$container" "$folder" / >/dev/null
buildah config --cmd python3 --env PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin "$container"
buildah commit --quiet --rm "$container" "$name" >/dev/null
echo "$name"
