# make install · demo · fmt · check · test · test-slow · docs · fuzz · all   (VENV=folder and PYTHON=python3.12 choose other ones)
VENV ?= .venv
PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: install demo fmt check test test-slow docs fuzz all
.NOTPARALLEL:
.DELETE_ON_ERROR:

install: $(VENV)/.installed-dev

demo: $(VENV)/.installed
	$(BIN)/hvdbench demo

fmt: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

test: install
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow and not gpu and not weights"

# What 'test' leaves out because a test takes over 5 seconds; neither a GPU nor downloaded weights are needed.
test-slow: install
	$(BIN)/python -m pytest -n auto --dist loadfile -m "slow and not gpu and not weights"

# The site goes to build/site. A warning is an error; the variable silences an advertisement of the theme, which is none.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# Damaged files for every reader; crashes are written to fuzz/found/.
MINUTES ?= 5
fuzz: install
	$(BIN)/python -m fuzz.driver --minutes $(MINUTES)

all: check test

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "hvdbench needs Python 3.11 or newer, %s is %d.%d: name a newer one with PYTHON=" % ((sys.executable,) + sys.version_info[:2]))'
	$(PYTHON) -m venv $(VENV)

# One stamp for using hvdbench, one for working on it; a change of the dependencies installs again.
$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) install -e .
	touch $@

$(VENV)/.installed-dev: setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) install -e '.[dev]'
	touch $(VENV)/.installed $@
