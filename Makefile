# What a machine needs beforehand: Python 3.11 or newer, git and make. Everything else is fetched by the targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
SOURCES = $(wildcard prefcenter email_hooks tests benchmarks)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := $(BIN)/python -m pip install --quiet
PIP_COMPILE := $(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--annotation-style=line --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check format bench torture requirements browser clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "PYTHON=python3.12 chooses the Python, VENV=folder the virtual environment, ARGS='...' is passed on."

demo: $(VENV)/.runtime ## A running service with sample people and a local mailbox (PORT=8000 chooses the port)
	@$(BIN)/prefcenter demo $(if $(PORT),--port $(PORT)) $(ARGS)

test: check browser ## All checks, then all tests, on SQLite and on PostgreSQL
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev ## Style, formatting, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure every claim of speed
	$(BIN)/python -m benchmarks $(ARGS)

torture: $(VENV)/.dev ## The long tests: hundreds of crashes under load
	HYPOTHESIS_PROFILE=torture $(BIN)/python -m pytest -n 0 -m torture -o faulthandler_timeout=3600 $(ARGS)

requirements: $(VENV)/.dev ## Pin what pyproject.toml and requirements-dev.in ask for (ARGS=--upgrade for newer ones)
	$(PIP_COMPILE) --build-deps-for editable --output-file requirements.txt $(ARGS) pyproject.toml
	$(PIP_COMPILE) --output-file requirements-dev.txt $(ARGS) requirements-dev.in

clean: ## Remove caches, build results and the virtual environment
	rm -rf build dist screens .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
	@if [ -f "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi

# --- what the targets above stand on -------------------------------------------------------------------------------

# The stamps are remade when a pin or the project's own metadata changes.
$(VENV)/.runtime: requirements.txt pyproject.toml | $(BIN)/pip
	@echo "Installing what prefcenter needs to run"
	@$(PIP_INSTALL) --require-hashes --requirement requirements.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml | $(BIN)/pip
	@echo "Installing what the tests need"
	@$(PIP_INSTALL) --require-hashes --requirement requirements-dev.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@touch $@ $(VENV)/.runtime

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "prefcenter needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)."; \
		echo "Name a newer one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; \
		else \
			echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv"; \
			exit 1; \
		fi; }
	@echo "Making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# Tests that need a browser look at $PREFCENTER_TEST_CHROMIUM, then for chromium and google-chrome on the path.
browser:
	@if [ -n "$$PREFCENTER_TEST_CHROMIUM" ] || command -v chromium >/dev/null || command -v google-chrome >/dev/null; then \
		exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
		echo "No Chromium found: the browser tests will be skipped. Install it (Debian: sudo apt-get install chromium)"; \
		echo "or name one: PREFCENTER_TEST_CHROMIUM=/path/to/chromium make test"; \
	fi
