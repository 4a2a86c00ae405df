# Needs python3 (3.11 to 3.13) and make. Everything lands in .venv; nothing is installed twice while nothing changed.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
PYTEST_ARGS ?=
WORKERS ?= 2
# Percent of the source's lines and branches that the tests of `make check` run at least.
COVERAGE_FLOOR ?= 93
CORE_TESTS := $(addprefix tests/,checkpoints compositing engines face live media motion phones pipeline speech viseme_tracks \
	test_concurrency.py test_cpu.py test_errors.py test_facade.py test_inference.py test_parallel.py test_samples.py test_stand_in_media.py test_types.py)
# A quick part of them, for a second Python.
CORE_SMOKE := $(addprefix tests/,engines/test_contract.py::TestMesh engines/test_contract.py::TestFake pipeline/test_syncing.py \
	media/test_open.py media/test_writer.py speech phones viseme_tracks test_concurrency.py test_facade.py test_parallel.py \
	test_samples.py test_stand_in_media.py test_types.py)

.PHONY: help demo test test-core check lint types imports docs build clean

help:
	@echo "make demo       make demo.mp4 from the sample face and speech"
	@echo "make test       run all tests"
	@echo "make test-core  run the tests that need no extra, no browser and no real media"
	@echo "make check      format, lint, types, import rules, documentation, tests with coverage"
	@echo "make docs       build the documentation into build/docs"
	@echo "make build      build the source archive and the wheel into dist/"
	@echo "make clean      remove the environments, demo.mp4 and what the tools left"

demo: $(VENV)/.core
	$(BIN)/mouthpiece demo -o demo.mp4 --yes

# Pages are tested after all else, alone: what they show depends on how soon the machine answers.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --ignore=tests/browser $(if $(COVERED),--cov --cov-report=) $(PYTEST_ARGS)
	$(BIN)/python -m pytest tests/browser $(if $(COVERED),--cov --cov-append --cov-report=term --cov-fail-under=$(COVERAGE_FLOOR)) $(PYTEST_ARGS)

test-core: $(VENV)/.test-core
	MOUTHPIECE_TEST_MEDIA=none $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(CORE_TESTS) $(PYTEST_ARGS)

check: lint types imports docs
	$(MAKE) test COVERED=yes

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/mkdocs build --strict

build: $(VENV)/.dev
	$(BIN)/python -m build --outdir dist

clean:
	rm -rf $(VENV) .venv-3.13 dist build demo.mp4 tests/browser/screenshots .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "mouthpiece needs Python 3.11 to 3.13; found none of them (set PYTHON=...)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The stamps follow what decides on an installation: what is needed, and the hook that brings the face models.
$(VENV)/.core: $(VENV)/.created pyproject.toml hatch_build.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test-core: $(VENV)/.created pyproject.toml hatch_build.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test-core]'
	@touch $@ $(VENV)/.core

$(VENV)/.dev: $(VENV)/.created pyproject.toml hatch_build.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,train,speech,torch,onnx,int8,studio,live,mic]'
	@touch $@ $(VENV)/.core $(VENV)/.test-core
