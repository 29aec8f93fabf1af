# Two commands do all on a fresh machine: make demo, make test. The rest is for who changes the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help demo test check soak bench limits lock wheel clean

help:
	@echo "make demo    run the demo (creates $(VENV))"
	@echo "make test    run the tests"
	@echo "make check   lint, formatting, types"
	@echo "make soak    run the long tests"
	@echo "make bench   throughput beside a plain aiohttp loop and the official SDK (needs nginx); recovery of 1,000,000 lines"
	@echo "make limits  a limit of 50, 5 and 50 requests/s told in four forms: judged (6 minutes) and drawn; a slow server"
	@echo "make wheel   build the wheel into dist/"
	@echo "make lock    compile the requirement files from pyproject.toml"
	@echo "make clean   remove what make made"

demo: $(VENV)/run
	$(BIN)/collector demo

test: $(VENV)/test
	$(BIN)/python -m pytest -m "not soak" --numprocesses 3 --dist worksteal

check: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

soak: $(VENV)/test
	$(BIN)/python -m pytest -m soak --numprocesses 2 --dist worksteal

bench: $(VENV)/bench
	$(BIN)/python bench/throughput.py
	$(BIN)/python bench/recovery.py

limits: $(VENV)/bench
	$(BIN)/python -m bench.latency
	$(BIN)/python -m bench.limit_steps --form integer decimal date absent --draw docs/limit-steps.svg

wheel: $(VENV)/run
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

# The locks name every dependency with its hash; build.txt is what builds the package itself.
lock: $(VENV)/lock
	cd requirements && for name in run test bench; do \
	  extra=$$(test $$name = run || echo "--extra $$name --extra zstd"); \
	  ../$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --no-annotate --python-version 3.11 $$extra -o $$name.txt ../pyproject.toml; done
	cd requirements && ../$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --no-annotate --python-version 3.11 -o build.txt build.in

$(VENV)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "collector needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: $(VENV)/venv requirements/run.txt requirements/build.txt pyproject.toml
	$(PIP) -r requirements/build.txt -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test: $(VENV)/run requirements/test.txt
	$(PIP) -r requirements/test.txt
	@touch $@

$(VENV)/bench: $(VENV)/test requirements/bench.txt
	$(PIP) -r requirements/bench.txt
	@touch $@

$(VENV)/lock: $(VENV)/venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	@touch $@

clean:
	rm -rf $(VENV) dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
