# Every target is one command; `make setup` is all that a student needs besides `make course`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help setup setup-dev course chat test browser-test lab notebooks exercises wheelhouse site data models-table masking-results bench lint clean

help:
	@echo "make course     set up, run all lessons offline, leave executed notebooks and a site in build/"
	@echo "make chat       talk to the model of lesson 04, trained first if need be, beside its base"
	@echo "make test       ruff and pytest"
	@echo "make lab        open lessons and exercises in JupyterLab"
	@echo "make wheelhouse all packages as files in build/wheelhouse, to set up machines without a network"
	@echo "make site       build/site from the lessons as they are stored, running nothing"
	@echo "make notebooks  execute and stamp the committed lessons"
	@echo "make exercises  make the students' notebooks from exercises/solutions"
	@echo "make models-table  tune each bundled model with three seeds: benchmarks/results"
	@echo "make masking-results  lesson 06's large run, hours: benchmarks/results/masking"
	@echo "make bench      how fast the course is, beside others: 40 minutes, adds to benchmarks/RESULTS.md"
	@echo "make setup      the course alone; make setup-dev adds what the tests need"

# constraints.txt names the versions that the tests ran with. Some of them need Python 3.11: where
# they are not to be had, any between the bounds will do. The tests insist on them.
$(VENV)/setup.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt -e ".[arena,tune]" || \
	{ echo "Not all of those versions are to be had here: any between the bounds will do." && \
	$(PIP) install -q -e ".[arena,tune]" ; } || \
	{ echo "The packages could not be installed. That takes PyPI, or a mirror of it, once: is there a network, or a" \
	"proxy to be named (HTTPS_PROXY)? Without a network, docs/setup.md says how; then type the same command again." >&2 ; exit 1 ; }
	touch $@

$(VENV)/setup-dev.stamp: $(VENV)/setup.stamp
	$(PIP) install -q -c constraints.txt -e ".[dev]"
	touch $@

setup: $(VENV)/setup.stamp

setup-dev: $(VENV)/setup-dev.stamp

course: setup
	$(BIN)/course run

chat: setup
	$(BIN)/course chat

test: setup-dev
	$(BIN)/ruff check . && OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# Skips with the reason where there is no browser; with COURSE_REQUIRE_BROWSER=1 it fails instead.
browser-test: setup-dev
	$(BIN)/python -c "import playwright" 2>/dev/null || \
	$(PIP) install -q -c constraints.txt -e ".[browser]" || echo "Playwright could not be installed."
	$(BIN)/python -m pytest -o addopts=-ra -o filterwarnings=default tests/browser

# It serves the whole course, so that links between lessons and exercises work, and shows the lessons first.
# JupyterLab's question about news is switched off as well: this course asks nothing of the network.
lab: setup
	@$(BIN)/jupyter labextension disable --level=sys_prefix \
	  @jupyterlab/apputils-extension:announcements >/dev/null 2>&1 || true
	$(BIN)/jupyter lab --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
	  --LabApp.default_url=/lab/tree/notebooks

notebooks: setup
	$(BIN)/course run --write

exercises: setup
	$(BIN)/course exercises build

# For a classroom without a network: copy the folder, then PIP_NO_INDEX=1 PIP_FIND_LINKS=… make setup.
wheelhouse: setup
	$(PIP) download -q -c constraints.txt -d build/wheelhouse ".[arena,tune]" "setuptools>=77" wheel

site: setup
	$(BIN)/course site

data: setup
	$(BIN)/python -m helpers.datagen

models-table: setup
	$(BIN)/python -m benchmarks.bundled_models

masking-results: setup
	$(BIN)/python -m benchmarks.masking

# TRL is compared with where it is installed; without, its row says so.
bench: setup
	$(PIP) install -q -c constraints.txt -e ".[bench]" || echo "TRL could not be installed."
	$(BIN)/course bench --record benchmarks/RESULTS.md

lint: setup-dev
	$(BIN)/ruff check --fix .

clean:
	rm -rf build runs
