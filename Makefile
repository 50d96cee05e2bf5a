# The two main commands are `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Any Python reads this line, an old one too.
IS_FIT := import sys; v = sys.version_info; f = (3, 11) <= v[:2] < (3, 15); \
	f or sys.stderr.write("thor: needs Python 3.11 to 3.14, and %s is %d.%d.%d: " % (sys.argv[1], v[0], v[1], v[2]) + sys.argv[2] + "\n"); \
	sys.exit(not f)
PIP := $(BIN)/pip --disable-pip-version-check

.PHONY: run test notebook setup setup-dev ui-check ui-types lint types lock clean

# The pages are built in the background; this ends at once where they are built already.
run:
	@$(PYTHON) ui/build.py --background >/dev/null 2>&1 & $(MAKE) --no-print-directory setup
	@$(BIN)/thor up

test: setup-dev
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

# The notebooks over the lake of this home, in a browser.
notebook: $(VENV)/.notebook-ready
	$(BIN)/jupyter lab docs/notebooks

setup: $(VENV)/.run-ready

setup-dev: $(VENV)/.test-ready

# What a Python that is too old, or that has no venv, would leave behind is no .venv.
$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "thor: $(PYTHON) is not there: name a Python 3.11 to 3.14 with make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c '$(IS_FIT)' $(PYTHON) 'name another with make PYTHON=python3.12 run'
	@echo "setting up $(VENV): packages are downloaded and installed, a few minutes the first time"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "thor: $(PYTHON) makes no venv: on Debian apt install python3-venv" >&2; exit 1; }

$(VENV)/.run-ready: requirements.lock pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -c '$(IS_FIT)' $(VENV) 'remove it with rm -rf $(VENV), and make again'
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test-ready: requirements-dev.lock $(VENV)/.run-ready
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.notebook-ready: requirements-notebook.lock $(VENV)/.run-ready
	$(PIP) install --require-hashes -r requirements-notebook.lock
	@touch $@

# The pages: built, types fresh, lint, unit tests; needs Node 20.19.
ui-check:
	$(PYTHON) ui/build.py
	cd ui && npm run check

# The API's OpenAPI document and the UI's types, generated from it.
ui-types: setup-dev
	$(BIN)/python -m api.openapi_document ui/openapi.json
	cd ui && npm run types

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell --dictionary=- --dictionary=.ci/american.txt

types: setup-dev
	$(BIN)/mypy

# The locks name no index, so they install from the one that pip is configured for.
lock:
	uv pip compile pyproject.toml --extra embedded --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -o requirements.lock
	uv pip compile pyproject.toml --extra embedded --extra research --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -c requirements.lock -o requirements-dev.lock
	uv pip compile pyproject.toml --extra embedded --extra research --extra notebook --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -c requirements.lock -c requirements-dev.lock \
		-o requirements-notebook.lock

clean:
	rm -rf $(VENV) ui/dist ui/dist.state ui/node_modules ui/.node build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
