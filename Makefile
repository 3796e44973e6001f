# Two commands do everything on a fresh clone: `make demo` and `make test`.
PYTHON ?= python3
SERVE ?= 1
PORT ?= 8000
DAGSTER_PORT ?= 3000
BIN := .venv/bin
# Files of tests side by side, one process a core, in their order: the long ones do not come last.
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
STAMP := .venv/.constraints

.PHONY: demo test lint unit coverage bench setup clean

demo: setup
	$(BIN)/python -m demo --serve $(SERVE) --port $(PORT) --dagster-port $(DAGSTER_PORT)

test: setup lint unit

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python deploy/build_page.py --test

unit:
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# What the tests run through, in every process that they start; takes half as long again and more.
coverage: setup
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --sort=cover

# Measures, all parts or PARTS="one another", and writes docs/benchmarks.md; `benchmarks --list` says what there is.
bench: setup
	$(BIN)/python benchmarks $(PARTS)

# The environment is made anew only when the pinned versions or the extras change.
setup:
	@$(PYTHON) deploy/preflight.py --stamp $(STAMP) $(if $(filter demo,$(MAKECMDGOALS)),$(if $(filter-out 0,$(SERVE)),--ports $(PORT) $(DAGSTER_PORT)))
	@if ! cmp -s $(STAMP) constraints.txt; then \
		set -e; rm -rf .venv; $(PYTHON) -m venv .venv; \
		$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt; \
	fi
	@if ! cmp -s $(STAMP) constraints.txt || ! cmp -s .venv/.pyproject pyproject.toml; then \
		set -e; $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]' 2>.venv/install.log \
			|| { cat .venv/install.log >&2; exit 1; }; \
		cp pyproject.toml .venv/.pyproject; cp constraints.txt $(STAMP); \
	fi
	@$(BIN)/python deploy/build_page.py

clean:
	rm -rf .venv .demo .bench search_api/web/node_modules search_api/web/dist search_api/web/generated .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
