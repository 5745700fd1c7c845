# make demo      run the main job on a small project made for it
# make test      run the tests
# make check     lint, types and the import contracts
# make coverage  run the protocol's own tests: they must take every branch of it
# make node      install what the tests of the wire need from npm; without it they skip
# make browser   install what the page's tests drive Chromium with; without it they skip
# make agents    install real coding agents for the tests (2 GB); without them those skip
# make help      say this
#
# Each installs what it needs into .venv, once; after that nothing here needs a network.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AGENTS := .venv-agents
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# where `make demo` puts its project; empty: a temporary directory
DEMO_DIR ?=
PYTEST_ARGS ?=

.PHONY: help demo test check coverage node browser agents clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make/make/p' Makefile

demo: $(VENV)/.run
	@echo "maestro: a team of four on a small project, from failing tests to a merged plan"
	@set -e; home=$$(mktemp -d); trap 'MAESTRO_HOME=$$home $(BIN)/maestro daemon stop >/dev/null && rm -rf "$$home"' EXIT; \
	    MAESTRO_HOME=$$home $(BIN)/maestro demo $(if $(DEMO_DIR),--keep "$(DEMO_DIR)")

test: $(VENV)/.dev
	@echo "maestro: running the tests (make test PYTEST_ARGS='-k word' for some of them)"
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=.:cli $(BIN)/lint-imports

coverage: $(VENV)/.dev
	@echo "maestro: running the protocol's own tests, with every branch counted"
	@$(BIN)/python -m coverage run -m pytest -q tests/protocol
	@$(BIN)/python -m coverage report

# npm writes this file last
node: tests/node/node_modules/.package-lock.json

tests/node/node_modules/.package-lock.json: tests/node/package-lock.json tests/node/package.json
	@command -v npm >/dev/null || { echo "this needs npm: install it with 'apt-get install nodejs npm'" >&2; exit 1; }
	@echo "maestro: installing Pusher's clients and a Pusher server into tests/node"
	@cd tests/node && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# the same for the page, whose tests need Debian's package chromium too
browser: tests/browser/node_modules/.package-lock.json

tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json tests/browser/package.json
	@command -v npm >/dev/null || { echo "this needs npm: install it with 'apt-get install nodejs npm'" >&2; exit 1; }
	@echo "maestro: installing playwright-core into tests/browser"
	@cd tests/browser && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# real agents, asked to work by tests/agents; those of Python in an environment of their own, as they want much
agents: tests/agents/node_modules/.package-lock.json $(AGENTS)/.made

tests/agents/node_modules/.package-lock.json: tests/agents/package-lock.json tests/agents/package.json
	@command -v npm >/dev/null || { echo "this needs npm: install it with 'apt-get install nodejs npm'" >&2; exit 1; }
	@echo "maestro: installing Claude Code, Codex, OpenCode, Gemini CLI, Qwen Code, pi and a node for them into tests/agents"
	@cd tests/agents && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(AGENTS)/.made: tests/agents/mini.txt
	@echo "maestro: installing mini-swe-agent into $(AGENTS)"
	@$(PYTHON) -m venv $(AGENTS)
	@$(AGENTS)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --requirement $<
	@touch $@

clean:
	rm -rf tests/node/node_modules tests/browser/node_modules tests/agents/node_modules $(AGENTS) $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# the stamps are newer than what they were made from, or they are made again
$(VENV)/.run: pyproject.toml constraints.txt $(VENV)/.made
	@echo "maestro: installing into $(VENV) (a minute or two, once)"
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "maestro: installing what the tests need"
	@$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $@

$(VENV)/.made:
	@command -v git >/dev/null || { echo "maestro needs git: install it with 'apt-get install git'" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "maestro needs Python 3.11 or newer: 'apt-get install python3'" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "maestro needs Python 3.11 or newer; $(PYTHON) is older (another one: make PYTHON=python3.12 …)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "maestro needs Python's venv: install it with 'apt-get install python3-venv'" >&2; exit 1; }
	@echo "maestro: making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@
