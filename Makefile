# Two commands do everything on a fresh machine with Python 3.11 and pip:
#   make demo    create an environment, install, and run the pipeline on a small synthetic data set
#   make test    create an environment, install, and run the tests
# `make help` lists the others.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# One single-threaded test worker per core, at most 8: small networks gain nothing from threads, and
# multi-threaded workers would compete for the cores.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=8 --dist=worksteal

# Tables of real clips, which are not distributed; `make evaluate` skips them if they are absent.
CLIPS ?= $(wildcard ../shared/data/multimodal/audio_text.csv ../shared/data/multimodal/three_modalities.csv)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-versions test-sdist lint format docs evaluate pages bench clean

help:  ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.installed  ## install, train on synthetic albums and write demo_report/
	$(BIN)/python -m skmmgenre demo

test: $(VENV)/.installed  ## install, then run the tests
	$(TEST)

test-all: $(VENV)/.installed-all  ## run all tests, including the slow ones
	$(TEST) -m "slow or not slow"

test-versions: $(VENV)-tools/.installed  ## run the tests with the lowest and newest versions (ONLY=lowest; 6 GB each)
	$(VENV)-tools/bin/python tools/versions.py $(ONLY) $(if $(TESTS),--tests $(TESTS))

test-sdist: $(VENV)-tools/.installed $(VENV)/.installed  ## run the tests of the unpacked source distribution
	$(VENV)-tools/bin/python tools/versions.py --python $(BIN)/python $(if $(TESTS),--tests $(TESTS))

lint: $(VENV)/.installed  ## check rules and format with ruff
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .

format: $(VENV)/.installed  ## format the code with ruff
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .

docs: $(VENV)/.installed-docs  ## build the documentation in docs/_build/html; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs docs/_build/html
	$(BIN)/python tools/check_links.py docs/_build/html
	@echo "docs/_build/html/index.html"

evaluate: $(VENV)/.installed  ## measure the learning claims (hours) and write the pages of results
	@set -e; for script in albums cross_fit; do \
		echo "evaluate_$$script.py"; $(BIN)/python benchmarks/evaluate_$$script.py; done
	@set -e; for script in known_tasks joint_space missing explanations entities single_label multi_label; do \
		echo "evaluate_$$script.py"; $(BIN)/python benchmarks/evaluate_$$script.py --keep build/kept; done
	$(if $(CLIPS),$(BIN)/python benchmarks/evaluate_table.py --keep build/kept $(CLIPS))
	$(if $(CLIPS),$(BIN)/python benchmarks/evaluate_patches.py $(firstword $(CLIPS)))
	$(if $(CLIPS),$(BIN)/python benchmarks/evaluate_folder.py $(firstword $(CLIPS)))
	$(if $(CLIPS),$(BIN)/python -m skmmgenre fetch musicnn)
	$(if $(CLIPS),$(BIN)/python benchmarks/evaluate_ready_model.py $(firstword $(CLIPS)))
	$(if $(CLIPS),$(BIN)/python benchmarks/evaluate_encoders.py --keep build/kept $(firstword $(CLIPS)))
	$(if $(CLIPS),$(BIN)/python benchmarks/evaluate_active_learning.py --keep build/kept $(firstword $(CLIPS)))
	@$(MAKE) --no-print-directory pages

pages: $(VENV)/.installed  ## write docs/claims.md and docs/guide/evaluation.md from benchmarks/results
	$(BIN)/python tools/build_pages.py

bench: $(VENV)/.installed-bench  ## measure speed and memory
	@set -e; for script in benchmarks/bench_*.py; do $(BIN)/python $$script; done

clean:  ## remove everything that the commands above wrote
	rm -rf $(VENV) $(VENV)-* version_report demo_report evaluation_report single_label multi_label build *.egg-info docs/_build docs/api docs/auto_examples \
		docs/sg_execution_times.rst .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: setup.cfg pyproject.toml
	@echo "installing into $(VENV) (a few minutes the first time)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --editable ".[test]"
	@touch $@

$(VENV)/.installed-all: $(VENV)/.installed
	$(PIP) install --editable ".[test,cli,text,data,distributed,browser]"
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	$(PIP) install --editable ".[test,bench,text]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) install --editable ".[test,docs]"
	@touch $@

$(VENV)-tools/.installed:
	$(PYTHON) -m venv $(VENV)-tools
	$(VENV)-tools/bin/python -m pip --quiet --disable-pip-version-check install twine uv
	@touch $@
