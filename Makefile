# make demo   the main job on real data (ARGS=--exit ends by itself)
# make test   the test suite
# make check  lint, types, contracts, tests: all that CI runs
# make bench  the figures, side by side with peers, as tables
# make soak   long fault-injection runs, by hand
PYTHON ?= python3
BIN := .venv/bin

# One BLAS thread: on small problems the others only burn energy.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1

.PHONY: setup demo test check bench soak lint

setup: .setup-stamp

.setup-stamp: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet "uv>=0.9"
	$(BIN)/uv sync --quiet --locked --inexact --extra all --group dev
	touch .setup-stamp

demo: setup
	$(BIN)/lichen demo $(ARGS)

test: setup
	$(BIN)/pytest $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: setup
	$(BIN)/uv sync --quiet --locked --inexact --extra all --group dev --group bench
	$(BIN)/python benchmarks/run.py $(ARGS)

soak: setup
	$(BIN)/python benchmarks/soak.py $(ARGS)
