# One word runs what CI runs. `make run` and `make test` are all a newcomer needs.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
UV ?= uv
LOCK := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help env bench-env run test check soak soak-long lock lock-check clean browser

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env: $(VENV)/.env ## create .venv from the pinned lock and install the `fusion` command

$(VENV)/.env: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.env requirements-dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

bench-env: $(VENV)/.env .venv-bench/.bench ## the peers that `fusion bench` measures beside ours, apart from ours

.venv-bench/.bench: requirements-bench.lock
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

run: env ## start broker, platform and dashboard; Ctrl-C stops them all
	@exec $(BIN)/fusion run $(ARGS)

browser: $(VENV)/.dev
	@./tests/install-browser $(BIN)

test: $(VENV)/.dev browser ## all tests but the slow ones
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

soak: $(VENV)/.dev browser ## what takes longer: drills, replays, soaks
	$(BIN)/python -m pytest -m slow -o addopts="-q --strict-markers --strict-config" -s $(ARGS)

soak-long: $(VENV)/.dev ## half an hour at 1,000 messages a second: memory and log stay flat
	FUSION_SOAK_S=1800 $(BIN)/python -m pytest -m slow -o addopts="-q --strict-markers --strict-config" -s tests/drills/test_soak.py $(ARGS)

check: $(VENV)/.dev ## ruff, mypy --strict, import-linter, the lock
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/python -m tests.lock_check

lock: ## compile the locks anew (needs uv)
	$(LOCK) --extra build --extra sql pyproject.toml -o requirements.lock
	$(LOCK) --extra build --extra sql --extra otel --extra dev pyproject.toml -c requirements.lock -o requirements-dev.lock
	$(LOCK) --extra bench pyproject.toml -c requirements.lock -o requirements-bench.lock

clean: ## remove the environment and all recorded data
	rm -rf $(VENV) .venv-bench var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
