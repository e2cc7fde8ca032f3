# The commands of the README. A machine with Python 3.11 or newer and make is enough; uv is used where it is.
#
#   make run     JupyterLab with the first notebook and a running engine
#   make test    everything that is checked: lint, types, every test, the browser's included
#   make fast    lint, types, and the tests that are quick: what to run while working
#   make build   the JavaScript halves, after a change to TypeScript
#   make lint    ruff, mypy, bandit, tsc
#   make audit   what is known of holes in the packages that are used (asks PyPI and the npm registry)
#   make bench   benchmarks/RESULTS.md anew (wants wrk)
#   make docs    the generated pages of docs/
#   make clean   removes what was built and installed

PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python
NPM = PATH="$(CURDIR)/$(VENV)/bin:$$PATH" npm
# Jupyter wants to be told that root is meant, as in a container.
LAB = $(if $(filter 0,$(shell id -u)),-- --allow-root)
ifneq ($(shell command -v uv),)
INSTALL = uv pip install --quiet --python $(PY)
else
INSTALL = $(PY) -m pip install --quiet
endif

PACKAGE = pyproject.toml hatch_build.py $(shell git ls-files 'engine/*.ts' 'engine/*.mjs' 'engine/*.json' 'labextension/*' 2>/dev/null)

# Which tests share a core is said in tests/conftest.py. The files keep their order: the browser's come last.
JOBS ?= logical
PYTEST = $(PY) -m pytest --numprocesses $(JOBS) --no-loadscope-reorder

.PHONY: run test fast build lint audit bench docs clean browser

run: $(VENV)/installed
	$(VENV)/bin/aiwe lab notebooks/01_hello.ipynb $(LAB)

test: $(VENV)/installed-dev tests/node_modules/.package-lock.json browser lint
	$(PYTEST) $(ARGS)

fast: $(VENV)/installed-dev tests/node_modules/.package-lock.json lint
	$(PYTEST) -m "not slow" $(ARGS)

build: $(VENV)/installed-dev
	$(PY) hatch_build.py
	$(INSTALL) --no-build-isolation --no-deps --editable .

lint: $(VENV)/installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m bandit --quiet --configfile pyproject.toml --recursive engine/aiwe_engine aiwe_kernel aiwe_server_extension
	$(NPM) --prefix engine run --silent check
	$(NPM) --prefix labextension run --silent check

audit: $(VENV)/installed-dev
	$(INSTALL) pip-audit
	$(PY) -m pip_audit --skip-editable --strict
	$(NPM) --prefix engine audit
	$(NPM) --prefix labextension audit

bench: $(VENV)/installed-dev
	$(PY) -m benchmarks $(ARGS)

docs: $(VENV)/installed-dev
	$(PY) docs/generate.py

clean:
	rm -rf $(VENV) dist engine/node_modules engine/aiwe_engine/built labextension/node_modules tests/node_modules \
	  labextension/lib aiwe_server_extension/labextension .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "aiwe needs Python 3.11 or newer")'
ifneq ($(shell command -v uv),)
	uv venv --quiet --python $(PYTHON) $(VENV)
else
	$(PYTHON) -m venv $(VENV)
endif

$(VENV)/installed: $(VENV)/bin/python $(PACKAGE)
	@echo "Installing aiwe into $(VENV): a minute or two the first time"
	$(INSTALL) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/bin/python $(PACKAGE)
	@echo "Installing aiwe with its tools into $(VENV): a minute or two the first time"
	$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/installed

# Suites by others that the tests run.
tests/node_modules/.package-lock.json: tests/package-lock.json $(VENV)/installed-dev
	$(NPM) --prefix tests ci

# Chromium of the system where there is one, Playwright's own otherwise.
browser: $(VENV)/installed-dev
	@command -v chromium >/dev/null || $(PY) -m playwright install --with-deps chromium
