# Every command does all of its own set-up. LOGS=<folder> names logs of your own, DATE=<day> a UTC day; of `make sql`,
# Q="…" is the statement, ROWS=<number> how much is shown, WRITE=1 lets it change something; PORT=<number> is the UI's.
PYTHON ?= python3
BIN := .venv/bin
# As it was typed: make would take what follows a $ for a variable of its own.
export GIVEN_LOGS = $(value LOGS)
export GIVEN_DATE = $(value DATE)
export GIVEN_SQL = $(value Q)
export GIVEN_ROWS = $(value ROWS)
export GIVEN_PORT = $(value PORT)
export GIVEN_RECORDS = $(value RECORDS)
export GIVEN_ROUNDS = $(value ROUNDS)
export GIVEN_FOLDER = $(value FOLDER)
export GIVEN_SEED = $(value SEED)
export GIVEN_TARGET = $(value TARGET)
export GIVEN_ROUND = $(value ROUND)
export GIVEN_INPUTS = $(value INPUTS)
# The names alone, since a misspelt variable is one that nothing here looks at.
export GIVEN_NAMES := $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))

.PHONY: run sql dev reports test check bench torture fuzz lock help
.DEFAULT_GOAL := run

run: .venv/runtime  ## materialize the whole lineage for a day; print what happened and where its page is
	@$(BIN)/python -m pipelines.commands run --typed "$$GIVEN_NAMES" $${GIVEN_LOGS:+--logs "$$GIVEN_LOGS"} $${GIVEN_DATE:+--date "$$GIVEN_DATE"}

sql: .venv/runtime  ## execute a statement: make sql Q="SELECT count(*) FROM vpc_flow_logs"
	@$(BIN)/python -m pipelines.commands sql --typed "$$GIVEN_NAMES" $${GIVEN_LOGS:+--logs "$$GIVEN_LOGS"} \
	  $${GIVEN_ROWS:+--rows "$$GIVEN_ROWS"} $(if $(filter 1,$(WRITE)),--write) -- "$$GIVEN_SQL"

dev: .venv/runtime  ## open the Dagster UI, with the history of the runs
	@$(BIN)/python -m pipelines.commands dev --typed "$$GIVEN_NAMES" $${GIVEN_LOGS:+--logs "$$GIVEN_LOGS"} \
	  $${GIVEN_PORT:+--port "$$GIVEN_PORT"}

reports: .venv/runtime  ## list all reports, and check that each of them works
	@$(BIN)/python -m pipelines.commands reports --typed "$$GIVEN_NAMES"

help:  ## print what each command does, and which variables it takes
	@sed -n -e 's/^# //p' -e '/^PYTHON/q' Makefile
	@sed -n -e 's/^\([a-z]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 16

test: .venv/dev debian-packages  ## run the tests
	$(BIN)/pytest

check: .venv/dev  ## linters, type checker, import contracts, reports, secrets in files, vulnerabilities of packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pipelines.commands reports
	$(BIN)/cfn-lint deploy/ecs/template.yaml
	$(BIN)/python .ci/scan_secrets.py
	$(BIN)/python .ci/audit.py

bench: .venv/bench mawk  ## measure against others: make bench [RECORDS=200000] [ROUNDS=1] [WRITE=1] [FOLDER=data/benchmarks]
	@$(BIN)/python -m benchmarks $${GIVEN_RECORDS:+--records "$$GIVEN_RECORDS"} $${GIVEN_ROUNDS:+--rounds "$$GIVEN_ROUNDS"} \
	  $${GIVEN_FOLDER:+--folder "$$GIVEN_FOLDER"} $(if $(filter 1,$(WRITE)),--write)

torture: .venv/dev  ## run days while everything goes wrong: make torture [SEED=1] [ROUNDS=10] [TARGET=aws] [ROUND=3] [WRITE=1]
	@$(BIN)/python -m torture $${GIVEN_SEED:+--seed "$$GIVEN_SEED"} $${GIVEN_ROUNDS:+--rounds "$$GIVEN_ROUNDS"} \
	  $${GIVEN_TARGET:+--target "$$GIVEN_TARGET"} $${GIVEN_ROUND:+--only "$$GIVEN_ROUND"} $(if $(filter 1,$(WRITE)),--write)

fuzz: .venv/fuzz  ## feed bad input, by the thousand: make fuzz [INPUTS=100000] [SEED=1] [TARGET=records] [WRITE=1]
	@$(BIN)/python -m fuzz $${GIVEN_INPUTS:+--inputs "$$GIVEN_INPUTS"} $${GIVEN_SEED:+--seed "$$GIVEN_SEED"} \
	  $${GIVEN_TARGET:+--target "$$GIVEN_TARGET"} $(if $(filter 1,$(WRITE)),--write)

.venv/runtime: requirements/runtime.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.venv/dev: .venv/runtime requirements/dev.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

.venv/bench: .venv/runtime requirements/bench.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bench.txt
	@touch $@

.venv/fuzz: .venv/dev requirements/fuzz.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/fuzz.txt
	@touch $@

.PHONY: mawk
mawk:  # what the benchmarks measure beside the others
	@command -v mawk >/dev/null || { \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -qq --no-install-recommends mawk >/dev/null; }

.PHONY: debian-packages
debian-packages:  # the tests look at pages in a headless Chromium, and keep Dagster's history in a Postgres of their own
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -qq --no-install-recommends \
	    chromium chromium-driver postgresql >/dev/null; }

PIN := .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
  --no-strip-extras --upgrade pyproject.toml --group build

lock:  ## pin the requirements again, for every supported Python
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv
	$(PIN) --output-file requirements/runtime.txt
	$(PIN) --constraint requirements/runtime.txt --group deploy --output-file requirements/deploy.txt
	$(PIN) --constraint requirements/runtime.txt --group deploy --group dev --output-file requirements/dev.txt
	$(PIN) --constraint requirements/dev.txt --group bench --output-file requirements/bench.txt
	$(PIN) --constraint requirements/dev.txt --group fuzz --output-file requirements/fuzz.txt
