# `make help` lists the targets. Set variables on the command line: make run PORT=9000

PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
DATA ?= data/aclImdb_v1.tar.gz
CONFIG ?= training/configs/starcast.toml
RUN ?= runs/starcast
METRICS ?= model_core/checkpoints/starcast-electra-6x384/metrics.json
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
CONSTRAINTS := project/constraints.txt
IMAGE := .venv/image
MESSAGES := $(BIN)/python manage.py makemessages --all --no-obsolete --no-wrap --add-location file \
  $(addprefix --ignore ,.venv tests training benchmarks tools clients build runs)
STATIC := $(or $(STARCAST_STATIC_DIR),$(or $(STARCAST_DATA_DIR),var)/static)/staticfiles.json
COG := $(BIN)/cog -P -I . -p "from tools import tables" --verbosity 1
BIOME := tests/js/node_modules/.bin/biome
# The tests of one file share what they start. Three processes on two cores, since some tests only wait.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadgroup
TESTS ?= not long
UNIT := not system and not browser and not training and not long
# All but what imports packages that `make check` does not install, such as PyTorch; `make types` checks that too.
MYPY_CHECK := $(BIN)/mypy --cache-dir .mypy_cache/check --follow-imports silent --exclude \
  '^(model_core/backends/(attention|torch)|tools/screenshots|benchmarks/(page|pictures|load/latency|inference/runtime_ways)|tests/(training|browser|factories|js/test_package|model_core/(backends|test_loading)|benchmarks/(load/test_latency|test_forward|test_report)|system/(test_openapi|topology/test_page)))' \
  manage.py project live model_core benchmarks tools tests clients/python/src

.DEFAULT_GOAL := help
.PHONY: help run env secret check test test-long lint lint-python lint-js types-check tables format types docs packages train classifier distill export calibrate eval report bench topology audit hashes sbom screenshots messages clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: .venv/serve secret $(STATIC) ## Install what serving needs and serve on http://localhost:8000 (PORT=9000 for another port)
	@$(BIN)/python manage.py migrate --verbosity 0
	@exec $(BIN)/python manage.py serve --host $(HOST) --port $(PORT)

env: .venv/all secret ## Install everything: training, tests, linters

check: .venv/check secret ## Check style and types and run the unit tests: a minute, without PyTorch, servers or a browser
	@$(MAKE) --no-print-directory -j 2 -O lint-python lint-js types-check
	$(PYTEST) -m "$(UNIT)" --hypothesis-profile quick $(ARGS)

test: env ## Check style and types and run all tests but the long ones (ARGS="-k socket" for some)
	@$(MAKE) --no-print-directory -j 2 -O lint-python lint-js types
	$(PYTEST) -m "$(TESTS)" $(ARGS)

test-long: env .venv/ray/installed .venv/openapi/installed ## Run the long tests: a whole site and its faults, other browsers, walks through the docs, benchmarks
	$(BIN)/python -m pytest -m long $(ARGS)

lint: lint-python lint-js ## Check style and formatting of Python, and of JavaScript where npm is installed

lint-python: .venv/check secret
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=clients/python/src $(BIN)/lint-imports --no-logo
	$(COG) --check --check-fail-msg "run make tables" docs/*.md
	@# tests/project/test_schemas.py checks the schemas: each hook would load its program anew, for longer than the others.
	SKIP=ruff-check,ruff-format,workflows,dependabot,issue-forms,issue-config,citation $(BIN)/pre-commit run --all-files

# Without $(MAKE) in the recipe, which `make --dry-run` would run.
lint-js: $(if $(shell command -v npm),$(BIOME))
	@if command -v npm >/dev/null; then cd tests/js && npm run --silent lint; \
	else echo "npm is not installed: JavaScript is not linted"; fi

types-check: .venv/check
	$(MYPY_CHECK)

tables: .venv/check ## Write the tables of docs/ that are made from the code
	$(COG) -r docs/*.md

format: .venv/check ## Format the Python code
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

types: env ## Check types with mypy, all of them
	$(BIN)/mypy

docs: .venv/docs ## Build the docs as a site in build/site, and fail on any warning
	@# Silences an advertisement for its successor.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

packages: .venv/package $(BIOME) ## Build both clients, Python and npm, into build/packages
	@rm -rf build/packages && mkdir -p build/packages/npm
	$(BIN)/python -m build --no-isolation --outdir build/packages/python clients/python
	$(BIN)/twine check --strict build/packages/python/*
	cd clients/js && npm pack --silent --pack-destination ../../build/packages/npm

train: env ## Train the first stage, or CONFIG, into RUN (resumes); DATA=archive CONFIG=file ARGS="--epochs 1"
	$(BIN)/python -m training.finetune --data $(DATA) --config $(CONFIG) --run $(RUN) $(ARGS)

classifier: env ## Train a classifier for labels of your own; DATA=folder NAME=questions ARGS="--init minilm"
	@test -n "$(NAME)" || { echo "give the model a name: make classifier DATA=folder NAME=questions"; exit 1; }
	$(BIN)/python -m training.classifier --data $(DATA) --name $(NAME) \
	  --output $(or $(STARCAST_DATA_DIR),var)/checkpoints/$(NAME) $(ARGS)

distill: env ## Rate the unrated reviews with RUN's checkpoint, into runs/soft/teacher
	$(BIN)/python -m training.distill --data $(DATA) --teacher $(RUN)/checkpoint --kinds unrated $(ARGS)

export: env ## Export RUN's checkpoint to float16 safetensors and int8 ONNX beside it
	$(BIN)/python -m training.export $(RUN)/checkpoint --output $(RUN)/export

calibrate: env ## Fit the temperatures of RUN's export on validation
	$(BIN)/python -m training.calibrate $(RUN)/export --data $(DATA) $(ARGS)

eval: env ## Evaluate the served model on the test set; DATA=archive ARGS="--limit 1000"
	$(BIN)/python -m training.evaluate --data $(DATA) --split test --json $(ARGS)

report: env ## Write the shipped model's figures into charts, its card and the README; METRICS=file
	$(BIN)/python -m training.report $(METRICS) $(ARGS)
	$(BIN)/python -m training.card $(METRICS) $(dir $(METRICS))README.md README.md

bench: .venv/bench .venv/gradio/installed ## Measure speed against two peers, in an hour or two; ARGS="forward" for a part
	$(BIN)/python -m benchmarks $(ARGS)

topology: env ## Run a whole site on loopback: TLS proxy, servers, Redis, PostgreSQL; ARGS="--replicas 2 --check"
	@PYTHONPATH=clients/python/src $(BIN)/python -m tools.topology $(ARGS)

audit: env ## Check every pinned version against the advisories of PyPI; needs the network
	$(BIN)/pip-audit --requirement $(CONSTRAINTS) --no-deps --disable-pip --strict --progress-spinner off $(ARGS)

hashes: env ## Write what the image installs, with its hashes, to project/requirements.txt; needs the network
	$(BIN)/uv pip compile pyproject.toml --extra postgres --extra redis --constraint $(CONSTRAINTS) --python-version 3.12 \
	  --python-platform linux --only-binary :all: --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make hashes" --quiet --output-file project/requirements.txt $(ARGS)

sbom: $(IMAGE)/installed .venv/all ## Write the packages of the image to build/sbom.json (CycloneDX)
	@mkdir -p build
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file build/sbom.json $(IMAGE)

screenshots: env ## Take the screenshots of the README from the real page
	$(BIN)/python -m tools.screenshots $(ARGS)

messages: env ## Collect the strings of the page, and compile their translations; needs gettext
	$(MESSAGES)
	$(MESSAGES) --domain djangojs
	$(BIN)/python manage.py compilemessages --ignore .venv --verbosity 0

clean: ## Remove the environment and everything generated
	rm -rf .venv var build clients/js/dist clients/js/LICENSE clients/js/NOTICE tests/js/node_modules .mypy_cache .ruff_cache .pytest_cache

# Compressing takes seconds, so only after a change.
$(STATIC): $(shell find static -type f) project/static_files.py project/static_storage.py .venv/serve | secret
	@$(BIN)/python manage.py collectstatic --noinput --verbosity 0

secret: var/secret_key

var/secret_key:
	@umask 077 && mkdir -p var && $(PYTHON) -c "import secrets; print(secrets.token_urlsafe(50))" > $@

# One file per set of packages, rebuilt when its list changes.
.venv/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))" \
	  || { echo "Starcast needs Python 3.11 to 3.13: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/serve: pyproject.toml $(CONSTRAINTS) | .venv/bin/python
	@echo "Installing what serving needs into .venv ..."
	@$(PIP) install -c $(CONSTRAINTS) -e .
	@touch $@

.venv/check: pyproject.toml $(CONSTRAINTS) | .venv/bin/python
	@echo "Installing linters and what unit tests need into .venv ..."
	@# Most modules are never imported, and compiling them all takes longer than installing them.
	@$(PIP) install --no-compile -c $(CONSTRAINTS) -e '.[check]'
	@touch .venv/serve $@

.venv/all: pyproject.toml $(CONSTRAINTS) | .venv/bin/python
	@echo "Installing training, tests and linters into .venv ..."
	@$(PIP) install --no-compile -c $(CONSTRAINTS) -e '.[test]'
	@touch .venv/serve .venv/check $@

.venv/bench: pyproject.toml $(CONSTRAINTS) | .venv/bin/python
	@echo "Installing what the benchmarks need into .venv ..."
	@$(PIP) install -c $(CONSTRAINTS) -e '.[bench]'
	@# Without its dependencies: one of them, ninja, has the module name of django-ninja. The others are installed.
	@$(PIP) install --no-deps nncf==3.4.0 pydot==4.0.1 tabulate==0.10.0
	@touch .venv/serve $@

.venv/docs .venv/package: pyproject.toml $(CONSTRAINTS) | .venv/bin/python
	@echo "Installing the extra '$(@F)' into .venv ..."
	@$(PIP) install -c $(CONSTRAINTS) -e '.[$(@F)]'
	@touch .venv/serve $@

# Gradio is one of the measured peers; its dependencies conflict with ours.
.venv/gradio/installed: benchmarks/requirements-gradio.txt | .venv/bin/python
	@echo "Installing Gradio into .venv/gradio ..."
	@$(PYTHON) -m venv .venv/gradio
	@.venv/gradio/bin/python -m pip --quiet --disable-pip-version-check install -r $<
	@touch $@

# Its own environment, as on the machines of a cluster.
.venv/ray/installed: deploy/ray/requirements.txt $(CONSTRAINTS) | .venv/bin/python
	@echo "Installing Ray into .venv/ray ..."
	@$(PYTHON) -m venv .venv/ray
	@$(PIP) --python .venv/ray/bin/python install -c $(CONSTRAINTS) -r $<
	@touch $@

# Makes a client of the OpenAPI document in a test; it wants an older typer than ours.
.venv/openapi/installed: tests/requirements-openapi.txt | .venv/bin/python
	@echo "Installing openapi-python-client into .venv/openapi ..."
	@$(PYTHON) -m venv .venv/openapi
	@$(PIP) --python .venv/openapi/bin/python install -r $<
	@touch $@

# Only what the Dockerfile installs, without pip.
$(IMAGE)/installed: pyproject.toml $(CONSTRAINTS) | .venv/bin/python
	@$(PYTHON) -m venv --clear --without-pip $(IMAGE)
	@$(PIP) --python $(IMAGE)/bin/python install -c $(CONSTRAINTS) '.[postgres,redis]'
	@touch $@

$(BIOME): tests/js/package.json
	@cd tests/js && npm install --silent --no-audit --no-fund
	@touch $@
