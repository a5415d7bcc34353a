# Set-up and daily commands; everything else is a Python module that these call.

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
# The version of uv that the lock itself names.
UV_VERSION = $(shell sed -n '/^name = "uv"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' uv.lock)
# The first of these that is Python 3.11 or newer makes the environment; `make PYTHON=/path/to/python up` overrides.
PYTHON ?=
PYTHONS := $(PYTHON) python3.11 python3.12 python3.13 python3 python
TESTS ?=
WORKERS ?= 2
EXAMPLES ?= 100

.DEFAULT_GOAL := help
.PHONY: help install up down reset status lint types imports unit test fuzz bench

help: ## This list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1	/p' $(firstword $(MAKEFILE_LIST)) | awk -F'\t' '{printf "  make %-9s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Make the Python environment from the lock file

up: $(INSTALLED) ## Start the whole stack here; Ctrl-C stops it, the state stays
	@$(PY) -m dev up

down: ## Stop a stack left behind or running elsewhere
	@if [ -x $(PY) ]; then $(PY) -m dev down; else echo "Nothing runs: there is no environment yet."; fi

reset: ## Stop it and forget all its state
	@if [ -x $(PY) ]; then $(PY) -m dev reset; else echo "Nothing to forget: there is no environment yet."; fi

status: $(INSTALLED) ## What runs where
	@$(PY) -m dev status

lint: $(INSTALLED) ## Style of the code
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: $(INSTALLED) ## mypy, strict
	@$(PY) -m mypy

imports: $(INSTALLED) ## Who may import whom
	@$(VENV)/bin/lint-imports --no-cache

unit: $(INSTALLED) ## The tests alone; TESTS=tests/models picks some, WORKERS=4 runs more at once
	@$(PY) -m pytest -n $(WORKERS) $(TESTS)

test: lint types imports unit ## Everything that must be green: style, types, imports, tests

fuzz: $(INSTALLED) ## The API against made-up requests for as long as you like; EXAMPLES=200 for each operation
	@HOLDFAST_FUZZ_EXAMPLES=$(EXAMPLES) $(PY) -m pytest -n $(WORKERS) tests/fuzz

bench: $(INSTALLED) ## Measure API and checkout against bare floors
	@$(PY) -m dev.bench

$(INSTALLED): uv.lock pyproject.toml
	@found=; for each in $(PYTHONS); do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$each; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Python 3.11 or newer is needed, and none of these is one: $(PYTHONS)" >&2; exit 1; fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$found lacks the venv module: install it (on Debian: apt-get install python3-venv)" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version), from uv.lock …"; \
	if ! $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then "$$found" -m venv --clear $(VENV); fi && \
	{ [ "$$($(PY) -m uv --version 2>/dev/null | cut -d' ' -f2)" = "$(UV_VERSION)" ] || \
	  $(PY) -m pip --disable-pip-version-check install --quiet uv==$(UV_VERSION); } && \
	UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV= $(PY) -m uv sync --frozen --quiet --compile-bytecode && \
	touch $@
