# Everything a person does here. `make` alone tells what there is.
# Needs Python 3.11 or newer; the rest is fetched once into .venv and .nodes.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# INPUT=path takes a file of the format uspto-odp through the demo in place of the invented records.
INPUT  ?=
# PYTEST=… passes more to pytest, e.g. make test PYTEST='tests/unit -x'
PYTEST ?=

export VENV

.DEFAULT_GOAL := help
.PHONY: help setup nodes demo test lint bench bench-quick bench-memory docs locks dist clean

help:
	@echo "make demo          two offices' networks, records both ways, one dossier, checked   (INPUT=file: with a real record)"
	@echo "make test          all tests, on a real node                                        (PYTEST='tests/unit -x')"
	@echo "make lint          ruff, mypy, the direction of imports, generated files up to date"
	@echo "make bench         every benchmark, into benchmarks/latest.json;  bench-quick, bench-memory"
	@echo "make docs          writes the generated pages of docs/reference again"
	@echo "make locks         locks the dependencies again after pyproject.toml changed"
	@echo "make dist          wheel and sdist into dist/"

setup:
	@$(PYTHON) tools/setup.py

# A node that cannot be had (no package registry) is told by the tests that need it, as skipped with the reason.
nodes: setup
	@$(BIN)/python tools/provision.py anvil >/dev/null || echo "no anvil: what needs an EVM node will say so"

demo: nodes
	@$(BIN)/gateway demo $(if $(INPUT),--input '$(INPUT)')

test: nodes
	$(BIN)/python -m pytest $(PYTEST)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/reference.py --check

bench: nodes
	$(BIN)/python benchmarks/run.py --mode full

bench-quick: nodes
	$(BIN)/python benchmarks/run.py --mode quick

bench-memory: setup
	$(BIN)/python benchmarks/run.py --mode full --only memory

docs: setup
	$(BIN)/python tools/reference.py

locks: setup
	$(BIN)/python tools/lock.py

dist: setup
	$(BIN)/python -m hatchling build

clean:
	rm -rf dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
