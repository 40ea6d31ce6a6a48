# Two commands for a fresh machine with Python, pip and make: `make demo`, `make test`; `make test-all` is the second and more.
# Each builds the environment that it needs, once, and again when pyproject.toml changes.

PYTHON ?= python3
# Extra words for the one pip command that installs PyTorch, such as the index of its CPU builds.
TORCH_PIP_FLAGS ?=
# Words handed to pytest: make test PYTEST_FLAGS="-k prox -x"
PYTEST_FLAGS ?= -n 2 --dist loadscope --no-loadscope-reorder
# Where the time went, for whoever reads the log.
DURATIONS := $(if $(CI),--durations=50 --durations-min=0.5)
# Words handed to every benchmark: make bench BENCH_FLAGS=--quick
BENCH_FLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Warnings, the backend of the oracle and the devices are the same on every machine.
export KERAS_BACKEND := jax
export JAX_PLATFORMS := cpu

.PHONY: help demo test test-all test-lowest check format bench gallery mutants clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

demo: $(VENV)/.demo  ## real networks on real data with each kind of term; a table and a picture
	$(BIN)/taut demo

test: $(VENV)/.test  ## every law, oracle, workflow, doctest and documented example; ten minutes on two cores
	$(BIN)/python -m pytest -m "not slow" $(DURATIONS) $(PYTEST_FLAGS)

test-all: export TAUT_ALL := 1
test-all: test test-lowest  ## the same, then what is heavy and rare: other backends, several processes, kills, whole demos
	$(BIN)/python -m pytest -m slow $(DURATIONS) $(PYTEST_FLAGS)

# What a user's program goes through, and the laws of the plan, on three array libraries.
LOWEST_TESTS := $(addprefix tests/,test_extras.py test_imports.py laws/test_plan.py laws/test_rules.py laws/test_bound.py \
	oracles/test_terms_keras.py) $(addprefix tests/workflows/test_,cli_fit.py compact.py fit.py html.py keras_programs.py \
	held_layers.py nnx.py path.py report_figures.py saving.py sklearn.py tables.py)

test-lowest: .venv-lowest/.ready  ## the workflows, on the lowest versions that pyproject.toml allows
	COLUMNS=200 .venv-lowest/bin/python -m pytest -n 2 --dist loadscope $(LOWEST_TESTS) # an older tqdm cuts its bar

check: $(VENV)/.test  ## format, lint, types, tests, docs
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_FLAGS)

format: $(VENV)/.test  ## put the code in order, and the sources that the documents show
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/python -m tests.test_docs

bench: $(VENV)/.bench .venv-keras/.ready  ## measure every figure of the README beside its peers
	$(BIN)/python -m benchmarks $(BENCH_FLAGS)

gallery: $(VENV)/.test  ## draw docs/gallery, every term of the catalogue, from the table of the tests
	$(BIN)/python -m docs.gallery

mutants: $(VENV)/.test  ## put deliberate bugs into a copy of the source, one at a time; each must be noticed
	$(BIN)/python -m tests.mutants

clean:  ## remove the environments and caches
	rm -rf .venv .venv-keras .venv-lowest .pytest_cache .ruff_cache .hypothesis

# pip of the outer Python fills the new environment, so that ensurepip (absent on some systems) is not needed.
$(BIN)/python:
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --disable-pip-version-check --python $(VENV) install --quiet pip

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable ".[tables]"
	@touch $@

# PyTorch comes first and alone: asked for by something else, pip would choose its build and version.
$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet $(TORCH_PIP_FLAGS) "torch==2.13.0"
	$(PIP) install --quiet --editable ".[tables,test,dev]"
	@touch $(VENV)/.demo $@

$(VENV)/.bench: pyproject.toml | $(VENV)/.test
	$(PIP) install --quiet --editable ".[tables,test,dev,bench]"
	@touch $@

# The measured Keras has an environment of its own, without TensorFlow or PyTorch, on the same JAX.
.venv-keras/.ready: pyproject.toml | $(VENV)/.test
	$(PYTHON) -m venv --without-pip .venv-keras
	$(PYTHON) -m pip --disable-pip-version-check --python .venv-keras install --quiet pip
	.venv-keras/bin/python -m pip --disable-pip-version-check install --quiet "keras==3.15.1" \
		$$($(BIN)/python -c "import jax, numpy; print(f'jax=={jax.__version__} numpy=={numpy.__version__}')")
	@touch $@

# PyTorch alone is as in .venv: its old builds bring gigabytes (docs/decisions/116).
.venv-lowest/.ready: pyproject.toml tests/lowest.txt
	rm -rf .venv-lowest
	$(PYTHON) -m venv --without-pip .venv-lowest
	$(PYTHON) -m pip --disable-pip-version-check --python .venv-lowest install --quiet pip
	.venv-lowest/bin/python -m pip --disable-pip-version-check install --quiet $(TORCH_PIP_FLAGS) "torch==2.13.0"
	.venv-lowest/bin/python -m pip --disable-pip-version-check install --quiet --constraint tests/lowest.txt \
		--editable ".[keras,tables,export]" pandas hypothesis pytest pytest-xdist
	@touch $@
