# `make` names the targets. Everything is installed into .venv, from requirements/*.txt, each file checked by its hash.
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALL = @$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
SOURCES := src tests tools benchmarks
# Commands that change nothing when they are repeated leave a stamp here.
STAMPS := $(VENV)/.stamps

.PHONY: help serve test check format lock bench docs reference release soak faults fuzz clean
.DELETE_ON_ERROR:

help: ## name the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

serve: $(STAMPS)/server ## set everything up and serve the examples on http://localhost:3000
	$(BIN)/weft serve examples/ $(ARGS)

test: check ## the gates, then every test with branch coverage (ARGS="-k name" for some)
	@mkdir -p build/coverage
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term $(ARGS)

check: $(STAMPS)/dev ## lint, formatting, types, layers
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMPS)/dev ## put the sources into the house's form
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: $(STAMPS)/server $(STAMPS)/bench $(STAMPS)/bench-cpex ## measure Weft beside its peers (ROUNDS=5 ONLY=http_hello)
	$(BIN)/python benchmarks/run.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(foreach name,$(ONLY),--only $(name)) $(ARGS)

docs: $(STAMPS)/docs reference ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs build --strict --quiet
	@echo "docs: site/index.html"

reference: $(STAMPS)/dev ## write the generated pages of the documentation
	$(BIN)/python tools/reference.py

release: $(STAMPS)/dev ## wheel and sdist in dist/, reproducible, with checksums; the installed wheel is tried
	tools/release $(BIN)

soak: $(STAMPS)/server $(STAMPS)/bench ## swap under load for long (SECONDS_LONG=600), then kill 200 hosts, counting what is lost, left and what grows
	$(BIN)/python benchmarks/soak.py --seconds $(or $(SECONDS_LONG),600)
	$(BIN)/python benchmarks/run.py --only kill_rounds

faults: $(STAMPS)/dev ## fail, kill or cancel every operation at each of its steps: about an hour
	WEFT_FAULTS=all $(BIN)/pytest tests/faults tests/engine/test_cancelled.py tests/server/test_cancelled.py $(ARGS)

fuzz: $(STAMPS)/dev ## feed changed streams to every reader of what comes from outside (SECONDS_LONG=60)
	$(BIN)/python tools/fuzz.py --seconds $(or $(SECONDS_LONG),60) $(ARGS)

lock: $(STAMPS)/dev ## resolve the requirements anew (ARGS=--upgrade)
	tools/lock $(UV) $(ARGS)

clean: ## remove everything that make made
	rm -rf $(VENV) $(VENV)-docs $(VENV)-bench $(VENV)-bench-cpex build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/uv: requirements/uv.txt tools/find-python
	@echo "weft: making $(VENV)"
	@python=$$(tools/find-python) && "$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@mkdir -p $(STAMPS) && touch $@

# Weft itself is installed in place, so that an edit is seen by the next start.
$(STAMPS)/server: $(STAMPS)/uv requirements/server.txt requirements/build.txt pyproject.toml
	@echo "weft: installing what the server needs (half a minute, once)"
	$(INSTALL) --require-hashes -r requirements/server.txt -r requirements/build.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/server requirements/dev.txt
	@echo "weft: installing what the tests need (a minute, once)"
	$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# The peers and the documentation's tool have environments of their own: nothing of theirs is ever beside Weft.
$(STAMPS)/bench $(STAMPS)/bench-cpex $(STAMPS)/docs: $(STAMPS)/%: requirements/%.txt | $(STAMPS)/uv
	@echo "weft: making $(VENV)-$*"
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)-$*
	@$(UV) pip sync --quiet --compile-bytecode --python $(VENV)-$*/bin/python --require-hashes $<
	@touch $@
