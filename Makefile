# make demo   install into .venv, find the person in photos (PHOTO= yours), then make a small data set, train,
#             test, draw (work_dirs/demo/)
# make test   install into .venv, lint, run the tests
# make matrix which versions the packages work with: an environment after another, into docs/matrix.md
#             (ENVIRONMENTS='runtime-3.9-*' for some of them)
# make dist   build the files of a release into dist/, and try the wheel in an environment of its own
# make docs   build the pages into site/, in an environment of its own
# PYTHON= the interpreter to build the environment from, VENV= where to put it
SHELL := bash
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
export PATH := $(abspath $(VENV))/bin:$(PATH)

SOURCES := setup.py pyproject.toml model-index.yml README.md \
	$(shell find mmpose_sdpose configs projects/runtime/sdpose_runtime projects/synthpose/sdpose_synth -type f \
		-not -path '*/__pycache__/*' -not -path '*/.mim/*')
# Not what users keep beside it.
CODE := .dev_scripts configs mmpose_sdpose projects tests setup.py

.PHONY: install demo test test-slow check docs format matrix dist clean

install: $(VENV)/.package

# The pinned set, once for each state of the requirement files.
$(VENV)/.requirements: requirements.txt requirements-no-deps.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-no-deps.txt
	@touch $@

# The package itself, as a wheel: MIM does not find the tools of an editable install.
$(VENV)/.package: $(VENV)/.requirements $(SOURCES)
	rm -rf build
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--force-reinstall .
	@touch $@

demo: install
	mim run mmpose_sdpose demo --photo $(if $(PHOTO),"$(PHOTO)",docs/walk.jpg portrait)

check: $(VENV)/.requirements
	$(PY) -m ruff check $(CODE)
	$(PY) -m ruff format --check $(CODE)
	@TIMEFORMAT='types, in %R s'; time $(PY) -m mypy

# Two processes of one thread each: most tests are too small to keep two threads busy.
test: install check
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile

test-slow: install
	$(PY) -m pytest -m slow

# Docstrings are read, not imported: neither PyTorch nor MMPose is needed.
$(VENV)-docs/.requirements: requirements-docs.txt
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	@touch $@

docs: $(VENV)-docs/.requirements
	NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/python -m mkdocs build --strict 2>&1 | grep -v "^INFO"; exit $${PIPESTATUS[0]}

format: $(VENV)/.requirements
	$(PY) -m ruff check --fix $(CODE)
	$(PY) -m ruff format $(CODE)

matrix: install
	$(PY) .dev_scripts/update_matrix.py $(ENVIRONMENTS)

# The wheel is built from the sdist, so that what is missing there is missed here.
dist: $(VENV)/.requirements
	rm -rf dist build
	$(PY) -m build --no-isolation > /dev/null
	$(PY) -m twine check --strict dist/*
	MMPOSE_SDPOSE_DIST=$(abspath dist) $(PY) -m pytest -m 'slow or not slow' tests/test_dist.py
	@wc -c dist/*

clean:
	rm -rf build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache
