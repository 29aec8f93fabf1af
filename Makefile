# On a fresh machine, `make demo` and `make test` need nothing else. The other targets are for contributors.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# The check tools have a separate environment, so they never mix with the packages that are tested and shipped.
TOOLS := $(VENV)/tools/bin

# The documentation site has a third environment.
SITE := $(VENV)/docs/bin

# Each foreign program of `make engines` has an environment of its own: their packages contradict each other.
FOREIGN := $(patsubst requirements/engine-%.txt,$(VENV)/engine-%/ready,$(wildcard requirements/engine-*.txt))

.PHONY: help demo test test-core check security audit soak docs engines bench limits picture lock wheel sbom clean

help:
	@echo "make demo       run the demo"
	@echo "make test       run the tests, except the long ones"
	@echo "make test-core  run the tests that depend on the version of Python"
	@echo "make check      check lint, format, types and import contracts"
	@echo "make security   check code, workflows and versions; scan the history for secrets"
	@echo "make audit      look up known vulnerabilities of all locked packages;"
	@echo "                prints NOT RUN when the database is unavailable"
	@echo "make soak       run the long tests (minutes)"
	@echo "make docs       build the documentation site into site/ with all checks"
	@echo "make engines    test the site in a real browser (needs Chromium), and the data"
	@echo "                with warehouses and other foreign programs"
	@echo "make bench      measure throughput against aiohttp and the official SDK,"
	@echo "                recovery after an outage, redaction, exports and loads (needs nginx)"
	@echo "make limits     measure and plot the adaptation to rate limits (11 minutes)"
	@echo "make picture    run the demo and draw its terminal into docs/demo.svg"
	@echo "make wheel      build sdist and wheel into dist/, twice, and compare the bytes"
	@echo "make sbom       write the bill of materials into dist/"
	@echo "make lock       compile the lock files in requirements/ from pyproject.toml"
	@echo "make clean      remove generated files and the environment $(VENV)"

demo: $(VENV)/run
	$(BIN)/collector demo

test: $(VENV)/test
	$(BIN)/python -m pytest -m "not soak and not engines" --numprocesses 5 --dist worksteal

# Tests that depend on the Python version: those of the core, which uses the standard library, and the command line.
CORE := model polytomic storage client $(addprefix cli/test_, argument_guard early_signals encodings input redaction \
  secrets service_links stderr stopping terminal tls verify) $(addprefix governor/test_, rate_limit_headers retry_after \
  retry_budget) $(addprefix redaction/test_, redactor scrubber) $(addprefix run/test_, id_files id_input settings shutdown \
  watchdog) $(addprefix snapshot/test_, lines manifest read_lines writer)
test-core: $(VENV)/test
	$(BIN)/python -m pytest -m "not soak and not engines" --numprocesses 5 --dist worksteal --quiet $(foreach each,$(CORE),tests/$(each)$(if $(findstring /,$(each)),.py))

check: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

security: $(VENV)/run $(VENV)/audit
	$(TOOLS)/bandit --quiet --configfile pyproject.toml --recursive collector .ci examples
	$(TOOLS)/zizmor --quiet --offline --pedantic .github
	$(BIN)/python .ci/floors.py
	$(BIN)/python .ci/secret_scan.py

# Exit codes of the script: 0 passed, 1 failed, 77 not run. make exits with 2 for both 1 and 77.
audit: $(VENV)/audit
	$(TOOLS)/python .ci/audit.py $(TOOLS)/pip-audit requirements/*.txt

soak: $(VENV)/test
	$(BIN)/python -m pytest -m soak --numprocesses 2 --dist worksteal

# Do not add -q: it silences the warnings that --strict counts. The script reports faults that --strict does not.
docs: $(VENV)/site
	$(SITE)/zensical build --strict --clean
	$(SITE)/python .ci/check_site.py

engines: $(VENV)/engines docs $(FOREIGN)
	$(BIN)/python -m pytest -m engines --numprocesses 2 --dist worksteal tests/engines

bench: $(VENV)/bench
	$(BIN)/python bench/throughput.py
	$(BIN)/python bench/recovery.py
	$(BIN)/python bench/redaction.py
	$(BIN)/python bench/export.py
	$(BIN)/python bench/formats.py
	$(BIN)/python -m bench.load

limits: $(VENV)/bench
	$(BIN)/python -m bench.latency
	$(BIN)/python -m bench.limit_noise
	$(BIN)/python -m bench.limit_steps --form integer decimal date absent --draw docs/explanation/limit-steps.svg
	$(BIN)/python -m bench.limit_steps --form ratelimit x --limits 50 --seconds 70

picture: $(VENV)/test
	$(BIN)/python .ci/draw_demo.py

wheel: $(VENV)/run
	$(BIN)/python .ci/build_twice.py dist

sbom: $(VENV)/run $(VENV)/audit
	$(BIN)/python .ci/sbom.py $(TOOLS)/cyclonedx-py dist/polytomic-collector.cdx.json
	$(TOOLS)/python .ci/validate_sbom.py dist/polytomic-collector.cdx.json

# The locks pin every dependency with hashes: build.txt the build tools, audit.txt the check tools, docs.txt the site
# generator, engines.txt the driver of the browser, engine-*.txt one foreign program each.
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
  --no-annotate --python-version 3.11
lock: $(VENV)/audit
	cd requirements && for name in run test bench; do \
	  extra=$$(test $$name = run || echo "--extra $$name --extra zstd"); \
	  ../$(TOOLS)/$(COMPILE) $$extra -o $$name.txt ../pyproject.toml; done
	cd requirements && for name in build audit docs engines $$(basename --suffix .in --multiple engine-*.in); do \
	  ../$(TOOLS)/$(COMPILE) -o $$name.txt $$name.in; done

$(VENV)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "collector needs Python 3.11 or newer; name one: make PYTHON=python3.12 …")'
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

$(VENV)/audit: $(VENV)/venv requirements/audit.txt
	$(PYTHON) -m venv $(VENV)/tools
	$(TOOLS)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@touch $@

$(VENV)/engines: $(VENV)/test requirements/engines.txt
	$(PIP) -r requirements/engines.txt
	@touch $@

$(VENV)/engine-%/ready: requirements/engine-%.txt $(VENV)/venv
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/site: $(VENV)/venv requirements/docs.txt
	$(PYTHON) -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $@

clean:
	rm -rf $(VENV) dist demo site .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
