# Two commands for newcomers: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
PEERS := .peers
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help run demo test check peers test-peers format bench lock clean

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

run: $(STAMP) ## Start the service, play the sample payloads at it, stay up until Ctrl-C
	@$(BIN)/tidings serve --play

demo: $(STAMP) ## Play the samples, let all time pass, check that everything is accounted for
	@$(BIN)/tidings demo

test: $(DEV_STAMP) ## Run the whole test-suite (offline, no services)
	@$(BIN)/python -m pytest -n 3 --ignore=tests/peers

check: $(DEV_STAMP) ## Format, lint, types, import contracts, docs, rules, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/cog --check -p "import sys; sys.path.insert(0, '.')" README.md docs/*.md
	@$(BIN)/python -m docs.connector_pages --check
	@$(BIN)/tidings rules check
	@$(BIN)/tidings rules test
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -n 3 --ignore=tests/peers

peers: $(DEV_STAMP) $(PEERS)/.installed ## Install the programs of others that test-peers talks to (npm, pip, apt-get; what cannot be had is skipped)

test-peers: peers ## Test against programs of others: SMSCs, Kannel, Jasmin, moto, Prism, the language server
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[peers]' || echo "the providers' own SDKs cannot be installed here"
	@$(BIN)/python -m pytest tests/peers tests/gateways/test_signers.py -rs

format: $(DEV_STAMP) ## Put the code in shape and the generated docs up to date
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/cog -r -p "import sys; sys.path.insert(0, '.')" README.md docs/*.md
	@$(BIN)/python -m docs.connector_pages

bench: $(DEV_STAMP) ## Measure beside the budgets (under 3 minutes)
	@$(BIN)/python -m bench

lock: ## Pin the newest versions of all dependencies
	$(PYTHON) -m venv --clear .lock-venv
	.lock-venv/bin/pip install --quiet -e '.'
	.lock-venv/bin/pip freeze --exclude-editable > requirements.lock
	.lock-venv/bin/pip install --quiet -e '.[dev]'
	.lock-venv/bin/pip freeze --exclude-editable > requirements-dev.lock
	rm -rf .lock-venv

$(STAMP): requirements.lock pyproject.toml
	@echo "Making $(VENV) (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(STAMP)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

$(PEERS)/.installed: tests/peers/install
	@tests/peers/install
	@touch $@

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) $(PEERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
