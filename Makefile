# Everything that this project does with itself. Needs Python 3.11 or later with pip, and make; the rest is installed
# into .venv by the first target that wants it; what only the benchmarks want, into .venv/bench.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
DEMO_HOME := $(CURDIR)/.demo
COMPILED := hatch_build.py $(wildcard plaintiff_moat/native/*.[ch])

.PHONY: demo test test-slow fuzz test-faults test-matrix snapshot bench bench-growth pgbouncer lint lint-sql types clean

.venv/.installed: pyproject.toml $(COMPILED)
	$(PYTHON) -m venv .venv || ($(PYTHON) -m pip install --quiet virtualenv && $(PYTHON) -m virtualenv --quiet .venv)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: .venv/.installed  ## Import the example into a database of its own, twice
	BIN=$(BIN) MOAT_HOME=$(DEMO_HOME) sh examples/demo.sh

test: .venv/.installed lint types  ## Linters, types and tests, on an embedded PostgreSQL
	-@$(MAKE) --no-print-directory pgbouncer
	$(BIN)/python -m pytest -n 2 -m 'not slow and not faults and not matrix'

test-slow: .venv/.installed  ## The full acceptance runs of what `make test` samples
	$(BIN)/python -m pytest -n 2 -m slow

N ?= 1000000
SEED ?= 1

fuzz: .venv/.installed  ## N files at random through the reader: no crash, no hang, no line lost
	cd tests/source && ../../$(BIN)/python fuzz.py $(N) $(SEED)

test-faults: .venv/.installed pgbouncer  ## Every fault at every place: lost messages, ended sessions, storms, poolers
	$(BIN)/python -m pytest -n 2 -m faults tests/faults

pgbouncer: .venv/pgbouncer/pgbouncer  ## The pooler that the tests put before the server: installed, or Debian's unpacked

.venv/pgbouncer/pgbouncer: scripts/get_pgbouncer.sh scripts/get_debian.sh | .venv/.installed
	sh $< $(@D)

SERVERS := $(foreach version,15 16 17 18,$(version) $(version)-supabase)

test-matrix: $(SERVERS:%=test-on-%)  ## The ledger, the runbook and the whole flow on every supported server

test-on-%: .venv/.installed  ## The same on one of them, such as test-on-17-supabase
	$(BIN)/python -m pytest -n 2 --server $* -m 'not slow and not faults' --ignore tests/ledger/test_embedded.py \
		tests/servers tests/ledger etl/tests

snapshot: .venv/.installed  ## Record this version's schema and data for the upgrade tests, when it is released
	$(BIN)/python -m tests.upgrade.snapshot

RECORDS ?= 1000000
ROUNDS ?= 3
SEED ?= 1
ONLY ?= floor,moat,staging,dlt_merge,filedge_run,pgloader,pandas_to_sql
SIZES ?= 10000,100000,1000000,10000000
RUNS ?= 100,1000,10000

bench: .venv/bench/.installed  ## The moat beside other ways of taking a file in: RECORDS, ROUNDS, SEED, ONLY
	-@$(MAKE) --no-print-directory .venv/pgloader/pgloader
	.venv/bench/bin/python -m compileall -q plaintiff_moat  # as an installation does
	PATH="$(CURDIR)/.venv/pgloader:$$PATH" .venv/bench/bin/python benchmarks/ingestion.py --records $(RECORDS) --rounds $(ROUNDS) --seed $(SEED) --only $(ONLY)
	.venv/bench/bin/python benchmarks/page.py

bench-growth: .venv/bench/.installed  ## How cost grows with records, runs and claimers: SIZES, RUNS, SEED
	.venv/bench/bin/python -m compileall -q plaintiff_moat  # as an installation does
	.venv/bench/bin/python benchmarks/growth.py --sizes $(SIZES) --runs $(RUNS) --seed $(SEED)
	.venv/bench/bin/python benchmarks/page.py

.venv/pgloader/pgloader: scripts/get_pgloader.sh scripts/get_debian.sh | .venv/bench/.installed
	sh $< $(@D)

.venv/bench/.installed: pyproject.toml $(COMPILED)
	mkdir -p .venv
	$(PYTHON) -m venv .venv/bench || ($(PYTHON) -m pip install --quiet virtualenv && $(PYTHON) -m virtualenv --quiet .venv/bench)
	.venv/bench/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' \
		|| .venv/bench/bin/python -m pip install --quiet --disable-pip-version-check --editable .  # without peers
	touch $@

lint: .venv/.installed  ## ruff, bandit, the import contract, squawk and plpgsql_check on the migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive plaintiff_moat etl/src scripts
	$(BIN)/lint-imports
	$(BIN)/squawk supabase/migrations/*.sql
	@if $(MAKE) --no-print-directory .venv/plpgsql_check/unpacked; then $(MAKE) --no-print-directory lint-sql; \
		else echo "lint: without plpgsql_check the functions were not checked" >&2; fi

lint-sql: .venv/.installed .venv/plpgsql_check/unpacked  ## plpgsql_check on every function
	$(BIN)/python scripts/lint_sql.py .venv/plpgsql_check

.venv/plpgsql_check/unpacked: scripts/get_plpgsql_check.sh scripts/get_debian.sh | .venv/.installed
	sh $< $(@D)

types: .venv/.installed  ## mypy --strict
	$(BIN)/mypy

clean:
	-MOAT_HOME=$(DEMO_HOME) $(BIN)/moat db destroy --force
	rm -rf plaintiff_moat/native/libmoat.so .venv .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
