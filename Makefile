# Everything a stranger needs: `make demo` and `make test` do all the set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-slow check format bench clean

demo: $(VENV)/.installed
	$(BIN)/landbridge compare --out runs/demo --jobs 2

# The networks of the tests are tiny: one thread serves them best.
test test-slow: export OMP_NUM_THREADS = 1

test: check
	$(BIN)/python -m pytest -m "not slow and not data and not browser"

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m "slow or data or browser"

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.test
	$(BIN)/python benchmarks/run.py

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.installed
	$(INSTALL) --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
