# `make run` and `make test` work on a fresh machine with Python 3.11 or newer, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPAT := $(VENV)/compat
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

.PHONY: run test check lint bench bench-turns bench-policy compatibility setup lock format clean

run: setup  ## A demo fleet: simulator, three workers, one endpoint.
	$(BIN)/headgate up $(ARGS)

test: setup  ## Every test.
	$(BIN)/pytest $(ARGS)

check: lint test  ## Format, lint, types, import layers, then every test.

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## CPU time of a request beside nginx, in one run; needs nginx and wrk.
	$(BIN)/python -m bench.cost $(ARGS)

bench-turns: setup  ## First events and cost of a worker's turns beside the bare API and the bare CLI.
	$(BIN)/python -m bench.turns $(ARGS)

bench-policy: setup  ## Placement beside other rules, over hours of traffic in virtual time.
	$(BIN)/python -m bench.policy $(ARGS)

compatibility: setup  ## Write docs/compatibility.md anew from what every client is seen doing.
	HEADGATE_WRITE_COMPATIBILITY=1 $(BIN)/pytest tests/e2e/test_compatibility.py

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: $(VENV)/.stamp  ## Virtual environment with the console scripts and the test tools.

$(VENV)/.stamp: $(wildcard requirements/*.lock requirements/node/*) requirements/system pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "headgate needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { [ "$$(id -u)" = 0 ] && apt-get install -y python3-venv; } \
		|| { echo "Python lacks venv; on Debian: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements/dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	for client in anthropic-0 litellm; do $(BIN)/uv pip install --quiet --require-hashes \
		--target $(COMPAT)/$$client -r requirements/$$client.lock || exit 1; done
	requirements/system
	if command -v npm >/dev/null; then mkdir -p $(COMPAT)/node && cp requirements/node/* $(COMPAT)/node/ \
		&& npm ci --prefix $(COMPAT)/node --no-audit --no-fund --silent; fi
	@touch $@

lock:  ## Resolve the dependencies again; the lock holds hashes and no addresses.
	$(BIN)/$(LOCK) pyproject.toml -o requirements/runtime.lock
	$(BIN)/$(LOCK) pyproject.toml requirements/dev.in -o requirements/dev.lock
	for client in anthropic-0 litellm; do \
		$(BIN)/$(LOCK) requirements/$$client.in -o requirements/$$client.lock; done
	cd requirements/node && npm install --package-lock-only --omit-lockfile-registry-resolved

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
