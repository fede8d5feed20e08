.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
LOCKS := requirements/build.txt requirements/runtime.txt
# What PyIceberg's own command line needs, and a function does not.
COMMAND_LINES := $(addprefix --no-emit-package ,click markdown-it-py mdurl pygments rich)

.PHONY: help demo serve test check bench cold-start conformance faults lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.runtime: $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the pipeline needs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "installing what the tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# The peers have an environment of their own: pyarrow loads pandas wherever it finds one.
$(PEERS)/.installed: requirements/bench.txt
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

demo: $(VENV)/.runtime ## Run the whole pipeline on a made-up hospital and print what a clinician would ask
	@$(BIN)/python demo/run.py

serve: $(VENV)/.runtime ## Keep a server running; PORT=8642, DATA=data and CONFIG=datasets.yaml may be given
	@$(BIN)/mdp serve --data-dir "$(or $(DATA),data)" $(if $(PORT),--port "$(PORT)") $(if $(CONFIG),--config "$(CONFIG)")

test: $(VENV)/.dev ## Run every test that needs no AWS
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/.dev ## Run the linters, the type checker and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.runtime $(PEERS)/.installed ## Compare conversion, intake and query with the peers, side by side
	@$(BIN)/python benchmarks/run.py --peers $(PEERS)/bin/python

cold-start: $(VENV)/.dev ## Measure what each function on AWS costs before it answers, library by library
	@$(BIN)/python -m tests.aws_cold_start

conformance: $(VENV)/.dev ## Count which Athena SQL is answered right, refused, or silently wrong
	@$(BIN)/python -m tests.conformance.run

faults: $(VENV)/.dev ## Kill and hurt a real server in every way we know; MDP_FAULTS_SEED repeats a run
	@MDP_FAULTS=full $(BIN)/python -m pytest -m faults

lock: $(VENV)/.runtime ## Lock the dependencies anew, with hashes and without addresses
	@for name in build runtime aws dev bench lint-aws emulator ci; do \
	  uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	    --no-emit-find-links --custom-compile-command "make lock" requirements/$$name.in -o requirements/$$name.txt; \
	done
	@for name in conversion glue_catalog query; do \
	  uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	    --no-emit-find-links --custom-compile-command "make lock" -c requirements/dev.txt $(COMMAND_LINES) \
	    functions/$$name/requirements.in -o functions/$$name/requirements.txt; \
	done

clean: ## Remove the environment and everything that was made
	rm -rf $(VENV) $(PEERS) $(LINT) $(EMULATOR) $(CI_TOOLS) .demo .bench build dist .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis

include deploy.mk
