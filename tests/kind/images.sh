#!/bin/bash
# The images of the kind cluster (images.txt), also for a machine without internet.
#   images.sh pull            pull all of them to this machine
#   images.sh save FILE.tar   write them into a file, where there is internet
#   images.sh load FILE.tar   take them from the file, where there is none
#   images.sh nodes           give them to the nodes of the cluster e2i
#   images.sh pin             write the missing digests into images.txt
set -euo pipefail
cd "$(dirname "$0")"

# name:tag digest
listed() {
  grep -v '^#' images.txt
}

names() {
  listed | cut -d' ' -f1
}

pull() {
  listed | while read -r name digest; do
    if [ "$digest" = - ]; then
      docker pull --quiet "$name" < /dev/null
    else
      docker pull --quiet "${name%:*}@$digest" < /dev/null
      docker tag "${name%:*}@$digest" "$name" < /dev/null
    fi
  done
}

nodes() {
  # The node's own image runs the node.
  names | grep -v '^kindest/node:' | while read -r name; do
    kind load docker-image --name e2i "$name" < /dev/null
  done
}

pin() {
  pull
  names | while read -r name; do
    digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$name" < /dev/null | sed -n 's/^.*@//p' | head -n 1)
    sed -i "s,^$name -\$,$name $digest," images.txt
  done
  listed
}

case "${1:-}" in
  pull) pull ;;
  save) names | xargs docker save --output "${2:?name the file}" ;;
  load) docker load --input "${2:?name the file}" ;;
  nodes) nodes ;;
  pin) pin ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "${0##*/}"; exit 2 ;;
esac
