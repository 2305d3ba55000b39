# Everything that a checkout makes lies in .venv/ (imgforge itself) and .dev/ (tools, engine).
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

# Warnings are errors, also in a child; no stray bytecode in the examples.
export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := help
.PHONY: help setup tools demo test lint unit bench docs clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: .venv/.stamp ## make .venv with imgforge and what its tests need

.venv/.stamp: pyproject.toml dev/venv
	@dev/venv $(PYTHON)

tools: setup ## install the container engine, judges and Sigstore that the tests need
	@PYTHON=$(PYTHON) dev/tools

demo: setup ## build, prove, sign, verify, scan and run an example
	@$(BIN)/python dev/demo.py

test: tools lint ## lint, then run every test
	@status=0; \
	$(BIN)/pytest -n 2 tests/golden tests/hostile tests/unit $(ORACLES) $(ARGS) || status=$$?; \
	$(BIN)/pytest tests/integration --ignore $(ORACLES) --durations 30 $(ARGS) || status=$$?; \
	exit $$status

# Integration tests that need no engine: they share nothing that two processes would change.
ORACLES := tests/integration/oracles

unit: setup ## run the tests that need neither network nor engine
	@$(BIN)/pytest tests/unit tests/hostile $(ARGS)

lint: setup ## ruff, mypy, and shellcheck where the judges are installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@! test -x .dev/judges/bin/shellcheck || .dev/judges/bin/shellcheck $(SHELL_SCRIPTS)

SHELL_SCRIPTS := dev/engine dev/sigstore dev/tools dev/venv .ci/run examples/binary/build.sh \
  examples/java-boot/build.sh examples/java-jar/build.sh

bench: tools ## compare with other tools
	@$(BIN)/python -m bench $(ARGS)

docs: setup ## write docs/reference from the code
	@$(BIN)/python dev/reference.py

clean: ## remove everything that was made, and the engine with its images
	@! test -d .dev/engine || dev/engine remove
	rm -rf .venv .dev dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .imgforge -prune -exec rm -rf {} +
