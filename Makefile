# Two commands for newcomers: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
PEERS := .peers
FUZZ_SECONDS ?= 60
SEEDS ?= 1000
FIRST ?= 1
MINUTES ?= 3
SOAK_MINUTES ?= 60
PACKAGE ?= model
SAMPLE ?= 80

.DEFAULT_GOAL := help
.PHONY: help run demo test check docs peers test-peers test-postgres format bench bench-full simulate chaos soak mutate audit sbom lock clean

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

docs: $(DEV_STAMP) ## Make the documentation site in build/site; a warning is an error
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[docs]'
	@$(BIN)/python -m docs.website

peers: $(DEV_STAMP) $(PEERS)/.installed ## Install the programs of others that test-peers talks to (npm, pip, apt-get; what cannot be had is skipped)

test-postgres: $(DEV_STAMP) ## Run what works with a store over a PostgreSQL server of its own (Debian's postgresql)
	@$(BIN)/python -m tests.on_postgres

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

bench-full: $(DEV_STAMP) ## Measure longer, a million reminders too, everything twice; bench.json has the figures
	@$(BIN)/python -m bench --full --twice --json bench.json

simulate: $(DEV_STAMP) ## Let SEEDS=1000 histories with faults happen, check every promise after each; SEED=4711 tells one
	@$(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--first $(FIRST) --seeds $(SEEDS))

chaos: $(DEV_STAMP) ## Break the running service in every way (about 8 minutes), count what came of it; ON=postgres MINUTES=10 SEED=4711 ONLY=kill-service
	@$(BIN)/python -m chaos --minutes $(MINUTES) $(if $(ON),--on $(ON)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

soak: $(DEV_STAMP) ## Load the service steadily for an hour and see that nothing grows; SOAK_MINUTES=6 is a short one
	@$(BIN)/python -m chaos.soak --minutes $(SOAK_MINUTES)

mutate: $(DEV_STAMP) ## Change the code in small ways and see whether the tests notice; PACKAGE=dispatch SAMPLE=80 SEED=1 AGAIN=yes
	@$(BIN)/python -m quality $(PACKAGE) --sample $(SAMPLE) --seed $(or $(SEED),1) $(if $(AGAIN),--again)

audit: $(DEV_STAMP) ## Hold the locked packages against known weaknesses, and list their licences (needs the network)
	@$(BIN)/python -m supply audit
	@$(BIN)/python -m supply licences

sbom: $(DEV_STAMP) ## Write the bill of materials of what is locked, CycloneDX, to build/sbom.json
	@$(BIN)/python -m supply sbom build/sbom.json

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
