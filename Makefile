# make install   .venv with everything that is needed
# make demo      distil CartPole-v1 into two pairs, export them, train fresh policies on them
# make check     lint, and the tests that take no process and no environment: the lane before every commit
# make test      all tests            make lint   ruff, mypy --strict, import contracts
# make docs      docs/ as a site in build/site; a link that leads nowhere is an error
# make coverage  all tests, with the branches that they take in every process
# make format    ruff format          make bench  figures for docs/performance.md
# make drill     two hours of faults on runs that must end like undisturbed ones (MINUTES=20: shorter)

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first of these that is Python 3.11 or newer.
PYTHONS := python3.11 python3 python3.12 python3.13 python3.14 python
PYTHON = $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: install demo check test coverage drill lint docs format bench clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: hades needs Python 3.11 or newer, and none of $(PYTHONS) is one: install it first" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
		echo "make: $(PYTHON) -m venv failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(STAMP)

demo: install
	PATH="$(CURDIR)/$(BIN):$$PATH" bash demo/cartpole.sh

check: lint
	$(BIN)/python -m pytest --fast -n 2

# Three processes on two cores: many tests wait for daemons and workers; more would wait for each other's compilations.
# In the order of tests/helpers/suite/schedule.py.
test: install
	$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder

coverage: install
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 3 --dist loadgroup --no-loadscope-reorder; tests=$$?; \
		$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$tests

# Kills, every call that changes a file failing in turn, then two hours of faults and verbs; every run is compared with
# its undisturbed twin. MINUTES=20 for a short one.
MINUTES ?= 120
drill: install
	HADES_DRILL_KILLS=48 $(BIN)/python -m pytest -s tests/integration/test_kill_drill.py
	$(BIN)/python -m tests.drills.enumeration --report enumeration.json
	$(BIN)/python -m tests.drills.soak --minutes $(MINUTES) --report soak.json
	$(BIN)/python -m tests.drills.slurm --minutes $$(( $(MINUTES) / 4 )) --report slurm.json

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Not with --quiet: it counts no warnings then, and passes everything. The variable keeps out a notice of the theme's
# successor: mkdocs-material gets fixes until May 2027.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
