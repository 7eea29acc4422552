# The commands of the project. Works with the make of Debian and of macOS (3.81).
#
#   make lab     the lessons in JupyterLab   (LESSONS_DIR=where ARGS="--no-browser --port=8899")
#   make test    every test, the browser's included
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help lab dev test lint format bundle picture bench clean

VENV := .venv
PY := $(VENV)/bin/python
LESSONS_DIR ?=
ARGS ?=

# What we start must not inherit make's own switches: a learner may type `make` in a Lab terminal.
unexport ARGS LESSONS_DIR
CLEAN_ENV := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u MAKE_TERMOUT -u MAKE_TERMERR

help:
	@sed -n 's/^# \{0,3\}\(make .*\)/  \1/p' Makefile

# --- environment ------------------------------------------------------------------------------

# A Python that is new enough and can make environments, by trying each; `PYTHON=` chooses.
FIND_PYTHON := for p in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11 python; do \
	[ -n "$$p" ] && "$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
		>/dev/null 2>&1 && echo "$$p" && break; done

$(PY):
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
		echo "No Python 3.11 or newer with the venv module was found."; \
		echo "  Debian, Ubuntu:  sudo apt install python3 python3-venv"; \
		echo "  macOS:           brew install python"; \
		echo "  elsewhere:       make $(MAKECMDGOALS) PYTHON=/path/to/python3"; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version) ..."; \
	$(CLEAN_ENV) "$$python" -m venv $(VENV)

# The stamps remember what was installed: an unchanged pyproject.toml installs nothing again.
$(VENV)/.lab: pyproject.toml | $(PY)
	@echo "Installing the lessons into $(VENV) (a few minutes the first time) ..."
	@$(CLEAN_ENV) $(PY) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(PY)
	@echo "Installing the project and its test tools into $(VENV) (a few minutes the first time) ..."
	@$(CLEAN_ENV) $(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.lab

dev: $(VENV)/.dev

# --- for learners -----------------------------------------------------------------------------

lab: $(VENV)/.lab
	@$(CLEAN_ENV) $(VENV)/bin/tgc lab $(if $(LESSONS_DIR),--dir "$(LESSONS_DIR)") -- $(ARGS)

# --- for those who build it -------------------------------------------------------------------

# Ruff, mypy, the front end's own tests and the check of its bundle run as tests too: one summary, at the end.

test: $(VENV)/.dev
	@$(CLEAN_ENV) $(PY) tests/e2e/chromium.py
	@$(CLEAN_ENV) $(PY) tests/classroom/bubblewrap.py
	@$(CLEAN_ENV) $(PY) -m pytest $(ARGS)

lint: $(VENV)/.dev
	@$(VENV)/bin/ruff check . && $(VENV)/bin/mypy

format: $(VENV)/.dev
	@$(VENV)/bin/ruff check --fix .

bundle:
	@cd widgets && npm ci --no-audit --no-fund && npm run build

bench: $(VENV)/.dev
	@$(CLEAN_ENV) $(PY) benchmarks/peers.py $(ARGS)

picture: $(VENV)/.dev
	@$(CLEAN_ENV) $(PY) -m pytest -q tests/e2e
	@cp artifacts/stepper-light.png docs/stepper.png

clean:
	rm -rf $(VENV) artifacts build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis widgets/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
