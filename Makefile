# Everything that people and machines do with this project. Needs: Linux, Python 3.11 to 3.14, git, make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
SETUP := .venv/setup.stamp
PYTHON_CODE := operator tests bentos
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal
# Tests that wait for a cluster beside tests that compute (docs/decisions/0014-tests-in-lanes.md).
LANES := --numprocesses=3 --dist=loadfile
# The first interpreter of a version that pyproject.toml allows.
FIND_PYTHON := for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; \
	  then echo $$python; exit; fi; done

.PHONY: help
help: ## Show every target
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' Makefile

.PHONY: setup
setup: $(SETUP) ## Make .venv with everything locked; does nothing when it is up to date

$(SETUP): requirements.lock pyproject.toml Makefile
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11 to 3.14 was found on PATH: install one, for example with your distribution's package python3."; \
	  exit 1; fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make virtual environments: install its venv module, on Debian and Ubuntu with" \
	       "'apt install python3-venv', then run make again."; \
	  exit 1; fi; \
	echo "making .venv with $$($$python --version); the first time it downloads about 500 MB"; \
	if ! $(BIN)/python --version >/dev/null 2>&1; then $$python -m venv --clear .venv; fi
	@# pip's only task is to bring uv; sync then makes the environment equal to the lock file, without pip.
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements.lock > .venv/uv.txt
	@if ! [ -x $(BIN)/uv ]; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt; fi
	@# Compiled once: where PYTHONDONTWRITEBYTECODE is set, each program would compile what it imports at each start.
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: setup ## From nothing to a model that answers, and to its second version
	@$(BIN)/e2i demo

.PHONY: pipeline
pipeline: setup ## From data to a released model, to drift, and to its second version
	@$(BIN)/e2i pipeline demo

.PHONY: stack
stack: setup ## The services of the runbook on their ports 3001 to 3003, with Prometheus
	@$(BIN)/e2i stack up

.PHONY: up
up: setup ## Start the local cluster
	@$(BIN)/e2i local up

.PHONY: down
down: setup ## Stop the local cluster; what it holds stays
	@$(BIN)/e2i local down

.PHONY: test
test: lint check ## Everything: lint, types, layers, unit, scenarios, API server, end to end
	@PYTHONPATH=tests $(BIN)/python -m support.tools
	@PYTHONPATH=tests $(BIN)/python -m support.run_again $(LANES)

.PHONY: test-deep
test-deep: setup ## Everything, with many more examples, every crash point and the long tests
	@PYTHONPATH=tests $(BIN)/python -m support.tools
	@PYTHONPATH=tests $(BIN)/python -m support.run_again $(LANES) --deep

.PHONY: lint
lint: setup ## Style of the code
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/ruff format --check $(PYTHON_CODE)

.PHONY: check
check: setup ## Types and layers
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: test-unit
test-unit: setup ## Tests that need no cluster
	$(BIN)/pytest -m "not api and not e2e"

.PHONY: test-api
test-api: setup ## Tests on a real API server
	$(BIN)/pytest -m api

.PHONY: test-e2e
test-e2e: setup ## Tests on the whole local cluster
	$(BIN)/pytest -m e2e

.PHONY: images
images: ## Build the operator's image and its SBOM, with docker, podman or buildah
	@operator/image/build.sh

.PHONY: release-check
release-check: setup ## Build wheel, sdist, charts, image and SBOM twice, compare and verify them
	@PYTHONPATH=tests $(BIN)/python -m support.release check

.PHONY: kind-up
kind-up: ## Make a kind cluster with Yatai's real controllers and the operator; needs docker, kind and kubectl
	@tests/kind/up.sh

.PHONY: kind-down
kind-down: ## Remove that cluster; its store .e2i/kind-store stays
	@kind delete cluster --name e2i

.PHONY: bench
bench: setup ## Measure what docs/reference/benchmarks.md reports
	@$(BIN)/python tests/benchmarks/bench.py

.PHONY: lock
lock: setup ## Write the lock files anew from pyproject.toml
	$(COMPILE) --extra client --extra gateway --extra local --extra pipeline --extra score --extra traces --group dev --group bentos pyproject.toml -o requirements.lock
	@# The image has a part of what was tested, in the same versions.
	$(COMPILE) --constraint requirements.lock --extra operator --extra gateway pyproject.toml -o operator/requirements.lock
	@# kfp wants another Kubernetes client than we do: it has an environment of its own.
	$(COMPILE) bentos/ways/kubeflow/requirements.in -o bentos/ways/kubeflow/requirements.lock
	printf '%s\n' 'cyclonedx-bom>=7.5,<8' 'hatchling>=1.27' | $(COMPILE) --constraint requirements.lock - -o operator/build.lock

.PHONY: verify
verify: lock ## Regenerate what is generated; fails when that changes a file
	$(BIN)/python tests/support/reference.py --write
	@git diff --exit-code || { echo "Regenerated files differ from the committed ones: commit them."; exit 1; }
