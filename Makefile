# Two commands matter: `make demo` and `make test`. Everything lands in .venv; nothing needs root.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
JOBS   ?= auto
REFEREES := .venvs-referee

.DEFAULT_GOAL := help
.PHONY: help demo test nightly lint format bench docs referee clean

help: ## Show what there is to run
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.tools: $(VENV)/.installed constraints.txt
	$(PIP) install --quiet "pip>=25.1"
	$(PIP) install --quiet --constraint constraints.txt --editable ".[torch]" --group test --group lint
	@touch $@

demo: $(VENV)/.installed ## Install and show the founding story, end to end
	$(BIN)/npusim demo

test: $(VENV)/.tools ## Install what the tests need and run them
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m "not nightly"

nightly: $(VENV)/.tools ## Run the long exhaustive set as well
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

lint: $(VENV)/.tools ## Check formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.tools ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.tools ## Run every benchmark and print its ratios
	@for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

docs: $(VENV)/.tools ## Regenerate the pages that are written from the code
	$(BIN)/python -m npusim.report.reference .

$(REFEREES)/.installed:
	$(PYTHON) -m venv $(REFEREES)/vela
	$(REFEREES)/vela/bin/python -m pip install --quiet ethos-u-vela==5.2.0
	$(PYTHON) -m venv $(REFEREES)/tosa
	$(REFEREES)/tosa/bin/python -m pip install --quiet tosa-tools==2026.8.0
	@touch $@

referee: $(VENV)/.installed $(REFEREES)/.installed ## Ask the vendors' own tools what the profiles claim
	$(BIN)/python benchmarks/referee .

clean: ## Remove the virtual environment and build leftovers
	rm -rf $(VENV) $(REFEREES) build dist .pytest_cache .mypy_cache .ruff_cache
