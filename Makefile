# Two commands do all on a fresh machine: make demo, make test. The rest is for who changes the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# What checks the project has an environment of its own, so that none of it gets among what is tested and shipped.
TOOLS := $(VENV)/tools/bin

# The documentation site is built in a third one.
SITE := $(VENV)/docs/bin

.PHONY: help demo test test-core check security audit soak docs engines bench limits lock wheel sbom clean

help:
	@echo "make demo    run the demo (creates $(VENV))"
	@echo "make test    run the tests"
	@echo "make test-core  run what differs between versions of Python: the core and the command line, not the long tests of faults"
	@echo "make check   lint, formatting, types, imports between rooms"
	@echo "make security  lint for security, the workflows, floors of versions, secrets in tree and history"
	@echo "make audit   ask an advisory service about all that is locked; says NOT RUN when it cannot be asked"
	@echo "make soak    run the long tests"
	@echo "make docs    build the documentation site into site/, strictly"
	@echo "make engines  open every page of the site in a real browser (needs Chromium)"
	@echo "make bench   throughput beside a plain aiohttp loop and the official SDK (needs nginx); recovery; redaction"
	@echo "make limits  a limit of 50, 5 and 50 requests/s told in six forms, noise, a queue: judged (11 minutes) and drawn"
	@echo "make wheel   build the sdist and the wheel into dist/, twice: the bytes must be the same"
	@echo "make sbom    write the bill of materials beside them"
	@echo "make lock    compile the requirement files from pyproject.toml"
	@echo "make clean   remove what make made"

demo: $(VENV)/run
	$(BIN)/collector demo

test: $(VENV)/test
	$(BIN)/python -m pytest -m "not soak and not engines" --numprocesses 5 --dist worksteal

# What differs between versions of Python: the standard library the core uses, and the command line.
CORE := model polytomic storage client $(addprefix cli/test_, argument_guard early_signals encodings input redaction \
  secrets service_links stderr stopping terminal tls verify) $(addprefix governor/test_, rate_limit_headers retry_after \
  retry_budget) $(addprefix redaction/test_, redactor scrubber) $(addprefix run/test_, id_input settings shutdown \
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

# Exit codes of the script: 0 passed, 1 failed, 77 not run; make itself exits with 2 for both of the latter.
audit: $(VENV)/audit
	$(TOOLS)/python .ci/audit.py $(TOOLS)/pip-audit requirements/*.txt

soak: $(VENV)/test
	$(BIN)/python -m pytest -m soak --numprocesses 2 --dist worksteal

# Never with -q, which silences what strict counts. The script finds what strict lets pass.
docs: $(VENV)/site
	$(SITE)/zensical build --strict --clean
	$(SITE)/python .ci/check_site.py

engines: $(VENV)/engines docs
	$(BIN)/python -m pytest -m engines --numprocesses 2 --dist worksteal tests/engines

bench: $(VENV)/bench
	$(BIN)/python bench/throughput.py
	$(BIN)/python bench/recovery.py
	$(BIN)/python bench/redaction.py

limits: $(VENV)/bench
	$(BIN)/python -m bench.latency
	$(BIN)/python -m bench.limit_noise
	$(BIN)/python -m bench.limit_steps --form integer decimal date absent --draw docs/explanation/limit-steps.svg
	$(BIN)/python -m bench.limit_steps --form ratelimit x --limits 50 --seconds 70

wheel: $(VENV)/run
	$(BIN)/python .ci/build_twice.py dist

sbom: $(VENV)/run $(VENV)/audit
	$(BIN)/python .ci/sbom.py $(TOOLS)/cyclonedx-py dist/polytomic-collector.cdx.json
	$(TOOLS)/python .ci/validate_sbom.py dist/polytomic-collector.cdx.json

# The locks name every dependency with its hash; build.txt is what builds the package, audit.txt what checks it, docs.txt
# what builds the site, engines.txt what drives a browser.
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
  --no-annotate --python-version 3.11
lock: $(VENV)/audit
	cd requirements && for name in run test bench; do \
	  extra=$$(test $$name = run || echo "--extra $$name --extra zstd"); \
	  ../$(TOOLS)/$(COMPILE) $$extra -o $$name.txt ../pyproject.toml; done
	cd requirements && for name in build audit docs engines; do ../$(TOOLS)/$(COMPILE) -o $$name.txt $$name.in; done

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

$(VENV)/audit: $(VENV)/venv requirements/audit.txt
	$(PYTHON) -m venv $(VENV)/tools
	$(TOOLS)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@touch $@

$(VENV)/engines: $(VENV)/test requirements/engines.txt
	$(PIP) -r requirements/engines.txt
	@touch $@

$(VENV)/site: $(VENV)/venv requirements/docs.txt
	$(PYTHON) -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $@

clean:
	rm -rf $(VENV) dist demo site .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
