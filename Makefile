# make demo: set up and run the main job.   make test: set up and run the tests.   make ci: everything that must pass.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)

.PHONY: demo test interop lint types contracts docs ci clean

demo: $(VENV)/.installed
	rm -rf $(DEMO)
	$(BIN)/trainset demo $(DEMO) --modality vision

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2

# Opt-in: heavy tools of other projects (Datumaro, supervision), in an environment of their own, read what trainset
# exports, and write what it imports.
interop: $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)-interop
	$(VENV)-interop/bin/python -m pip install -q --disable-pip-version-check -e '.[cpu,test]' -e plugins/vision datumaro supervision
	$(VENV)-interop/bin/python -m pytest tests/interop

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy -p trainset -p trainset_vision -p trainset_nlp -p trainset_medical

contracts: $(VENV)/.installed-dev
	$(BIN)/lint-imports

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/make_cli.py

ci:
	bash .ci/run

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "trainset needs Python 3.11 or newer: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "this Python cannot make virtual environments: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python $(PROJECTS) constraints.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt \
	  -e '.[cpu]' -e plugins/vision -e plugins/nlp -e plugins/medical
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[cpu,test,dev]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) build dist
