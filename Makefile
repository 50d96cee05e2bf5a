# Two commands: `make run` and `make test`. The rest serves them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test setup setup-dev ui-check ui-types lint types lock clean

# The pages are built beside the rest: where they are built already this is done at once.
run:
	@$(PYTHON) ui/build.py --background >/dev/null 2>&1 & $(MAKE) --no-print-directory setup
	@$(BIN)/thor up

test: setup-dev
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

setup: $(VENV)/.run-ready

setup-dev: $(VENV)/.test-ready

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test-ready: requirements-dev.lock $(VENV)/.run-ready
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# The pages: built, types fresh, lint, unit tests; needs Node 20.19.
ui-check:
	$(PYTHON) ui/build.py
	cd ui && npm run check

# The API's document as the UI knows it, and the types made of it.
ui-types: setup-dev
	$(BIN)/python -m api.openapi_document ui/openapi.json
	cd ui && npm run types

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev
	$(BIN)/mypy

# The locks name no index, so they install from whichever one pip is set to.
lock:
	uv pip compile pyproject.toml --extra embedded --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -o requirements.lock
	uv pip compile pyproject.toml --extra embedded --extra research --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) ui/dist ui/dist.state ui/node_modules ui/.node build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
