#!/bin/bash
# Make the kind cluster e2i, with Yatai's real controllers, an S3 server, a registry and the operator. Safe to repeat.
# The operator's image is E2I_IMAGE, made by `make images`. With E2I_OFFLINE=1 nothing is pulled: images.sh has loaded the images.
set -euo pipefail
cd "$(dirname "$0")"
image=${E2I_IMAGE:-ghcr.io/e2i-dev/e2i-operator:0.1.0}
stack=../../kustomize/yatai-stack
namespaces=(yatai-system models)

for program in docker kind kubectl curl; do
  command -v "$program" > /dev/null || { echo "$program is not on PATH: install it (docs/howto/kind.md)." >&2; exit 1; }
done
docker image inspect "$image" > /dev/null 2>&1 ||
  { echo "There is no image $image: run \`make images\`, or name yours in E2I_IMAGE." >&2; exit 1; }

mkdir -p ../../.e2i/kind-store/bentos ../../.e2i/kind-store/models
# An image that was loaded from a file has no digest.
node=()
if [ -n "${E2I_OFFLINE:-}" ]; then
  node=(--image "$(sed -n 's,^\(kindest/node:[^ ]*\) .*,\1,p' images.txt)")
else
  ./images.sh pull
fi
kind get clusters 2> /dev/null | grep -qx e2i || kind create cluster --config cluster.yaml --wait 5m "${node[@]}"
kind export kubeconfig --name e2i --kubeconfig ../../.e2i/kind.kubeconfig
export KUBECONFIG=$PWD/../../.e2i/kind.kubeconfig

# The node has the images of the list, by their digests, and pulls none of them.
kind load docker-image --name e2i "$image"
./images.sh nodes

# The CRDs, by file: fetched once and compared with their digests.
ls $stack/crds-fetched/*.yatai.ai_*.yaml > /dev/null 2>&1 || $stack/crds-fetched/fetch.sh
kubectl apply --server-side -k $stack/crds-fetched
for namespace in "${namespaces[@]}"; do
  kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply --server-side -f -
done
kubectl apply --server-side -k yatai
kubectl apply --server-side -f ../../manifests/namespace.yaml

# One pair of keys for the S3 server in the cluster, made once.
kubectl get secret e2i-s3 -n e2i-system > /dev/null 2>&1 ||
  kubectl create secret generic e2i-s3 -n e2i-system --from-literal=AWS_ACCESS_KEY_ID=e2i \
    --from-literal=AWS_SECRET_ACCESS_KEY="$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
key=$(kubectl get secret e2i-s3 -n e2i-system -o go-template='{{.data.AWS_SECRET_ACCESS_KEY | base64decode}}')
kubectl create secret generic e2i-bento-download -n models --from-literal=AWS_ACCESS_KEY_ID=e2i \
  --from-literal=AWS_SECRET_ACCESS_KEY="$key" --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f -

kubectl kustomize operator | sed "s,ghcr.io/e2i-dev/e2i-operator:0.1.0,$image," | kubectl apply --server-side -f -
for deployment in yatai-system/yatai-deployment yatai-system/yatai-image-builder yatai-system/yatai-registry \
  e2i-system/e2i-s3 e2i-system/e2i-operator; do
  kubectl rollout status "deployment/${deployment#*/}" -n "${deployment%/*}" --timeout=10m
done

network=$(docker inspect --format '{{.NetworkSettings.Networks.kind.IPAddress}}' e2i-control-plane)
cat << END

The cluster e2i is up. Its kubeconfig is .e2i/kind.kubeconfig, its BentoML store .e2i/kind-store.

    export KUBECONFIG=$(cd ../.. && pwd)/.e2i/kind.kubeconfig
    kubectl e2i doctor
    .venv/bin/e2i conformance

The end-to-end tests send requests to addresses of the cluster. On Linux this machine finds them after:

    sudo ip route add 10.96.0.0/16 via $network
    .venv/bin/pytest tests/e2e --kubeconfig .e2i/kind.kubeconfig --bento-store .e2i/kind-store

\`make kind-down\` removes it.
END
