# What a person does here, CI does too. Needs Python 3.11 or newer, make and git; the first target that
# needs packages makes .venv and installs them, and does so again only when a lock changes.

PYTHONS := python3.13 python3.12 python3.11 python3
ENOUGH := import sys; sys.version_info >= (3, 11) or sys.exit(1)
PIP := .venv/bin/python -m pip --disable-pip-version-check

# The stamps name the folder they were made in: a copied or moved tree is installed anew.
HERE := $(shell pwd | cksum | cut -d ' ' -f 1)
SERVER := .venv/.server-$(HERE)
TOOLS := .venv/.tools-$(HERE)
SCRIPT_TOOLS := node_modules/.tools-$(HERE)
# Written by hand, unlike errors.js.
SCRIPTS := $(filter-out %/errors.js,$(wildcard app/api/static/*.js tests/js/*.mjs))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test bench check docs format lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: $(SERVER) ## the server on http://127.0.0.1:8000 (PORT=9000, ARGS="--model ...")
	@STARTED_BY_MAKE=1 exec .venv/bin/agno-stream serve $(ARGS)

test: $(TOOLS) ## the whole test suite (ARGS="-k name ...", ARGS=--cov, ARGS=-n0 for one after another)
	$(call programs,$(PROGRAMS),$(SKIPPED))
	@.venv/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(TOOLS) ## what a token costs here and elsewhere (ARGS=--quick, ARGS=--litellm, ...)
	@.venv/bin/python -m benchmarks $(ARGS)

check: $(TOOLS) $(SCRIPT_TOOLS) ## lint, formatting, types, import rules, of Python and JavaScript
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/python -m mypy $(wildcard app agno_stream tests docs/generate.py)
	.venv/bin/python .venv/bin/lint-imports --no-logo
	node_modules/.bin/biome check --error-on-warnings
	@! LC_ALL=C.UTF-8 grep -nE '.{101}' $(SCRIPTS) || { echo "Longer than 100 characters" >&2; exit 1; }
	node_modules/.bin/tsc

docs: $(TOOLS) ## write the documents that are made from the code
	.venv/bin/python -m docs.generate

format: $(TOOLS) $(SCRIPT_TOOLS) ## mend what the tools can mend
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format
	node_modules/.bin/biome check --write

lock: ## write all locks from pyproject.toml and package.json (ARGS=--upgrade for newer versions)
	$(venv)
	@.venv/bin/python -m uv --version >/dev/null 2>&1 || $(PIP) install -q uv
	$(COMPILE) -o requirements.lock $(ARGS)
	$(COMPILE) --extra dev -c requirements.lock -o requirements-dev.lock $(ARGS)
	$(call programs,$(NODE),$(REQUIRED))
	npm install --package-lock-only
	node -e '$(WITHOUT_ADDRESSES)'

# Plain versions for every system: no index, no path, so that the locks read the same everywhere.
COMPILE = .venv/bin/python -m uv pip compile -q pyproject.toml --universal --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

# .npmrc keeps registries out of package-lock.json; this, where packages ask for money.
WITHOUT_ADDRESSES := const fs = require("fs"), file = "package-lock.json"; \
	const lock = JSON.parse(fs.readFileSync(file)); \
	for (const entry of Object.values(lock.packages)) delete entry.funding; \
	fs.writeFileSync(file, JSON.stringify(lock, null, 2) + "\n")

clean: ## remove .venv, caches and builds; data/ stays
	rm -rf .venv node_modules .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		build dist htmlcov *.egg-info tests/js/node_modules
	find $(wildcard app agno_stream tests) -name __pycache__ -prune -exec rm -rf {} +

$(SERVER): requirements.lock pyproject.toml .venv/bin/python
	$(venv)
	$(call install,requirements.lock)
	@touch $@

$(TOOLS): requirements-dev.lock requirements.lock pyproject.toml .venv/bin/python
	$(venv)
	$(call install,requirements-dev.lock)
	@touch $(SERVER) $@

$(SCRIPT_TOOLS): package.json package-lock.json
	$(call programs,$(NODE),$(REQUIRED))
	@echo "Installing the versions of package-lock.json (some seconds the first time)"
	@npm ci --silent || npm ci
	@touch $@

# Missing, or a link to a Python that is gone: what needs it is then made anew.
.venv/bin/python: ;

# A virtual environment that works, made only if there is none.
define venv
@set -eu; \
pick() { for p in $(PYTHONS); do if "$$p" -c "$$1" >/dev/null 2>&1; then echo "$$p"; return; fi; done; }; \
if ! .venv/bin/python -c '$(ENOUGH)' >/dev/null 2>&1; then \
	python=$$(pick '$(ENOUGH); import ensurepip, venv'); \
	if [ -z "$$python" ]; then \
		python=$$(pick '$(ENOUGH)'); \
		if [ -z "$$python" ]; then \
			echo "agno-stream needs Python 3.11 or newer; none of these is: $(PYTHONS)" >&2; exit 1; \
		fi; \
		package=$$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "$$python cannot make virtual environments. Try: apt-get install $$package" >&2; exit 1; \
		fi; \
		echo "Installing $$package, which $$python lacks"; \
		apt-get -qq update; \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y "$$package"; \
	fi; \
	echo "Making .venv with $$("$$python" --version)"; \
	"$$python" -m venv --clear .venv; \
fi; \
.venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip
endef

# Programs beside Python, each with the Debian package that has it.
NODE := node:nodejs npm:npm
PROGRAMS := redis-server:redis-server postgres:postgresql chromium:chromium nginx:nginx-light $(NODE)

# What to do if some of them can be neither found nor installed: `$$packages` lists them.
SKIPPED = echo "Tests that need$$packages will skip, because it is not installed here" >&2
REQUIRED = echo "The checks of the JavaScript need$$packages. Install Node.js with npm" >&2; exit 1

# Installs those of the programs $(1) that are missing, if this is root on Debian; else runs $(2). The
# policy keeps Debian from starting servers of its own.
define programs
@set -eu; \
lacking() { \
	found=$$PATH$$(printf ':%s' /usr/sbin /usr/lib/postgresql/*/bin); \
	for pair in $(1); do \
		PATH=$$found command -v "$${pair%:*}" >/dev/null || printf ' %s' "$${pair#*:}"; \
	done; \
}; \
packages=$$(lacking); \
if [ -n "$$packages" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing$$packages"; \
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then \
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT; \
		printf '#!/bin/sh\nexit 101\n' >$$policy; chmod 755 $$policy; \
	fi; \
	apt-get -qq update || true; \
	for package in $$packages; do \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$$package" \
			</dev/null >/dev/null || true; \
	done; \
	packages=$$(lacking); \
fi; \
if [ -n "$$packages" ]; then $(2); fi
endef

# The versions of lock $(1), and this project on top. A failure is tried once more with pip's warnings
# on, since only they tell a network that is down from a version that does not exist.
define install
@set -eu; \
wanted=$$(grep -c '^[A-Za-z0-9]' $(1)); log=.venv/install.log; done=0; \
echo "Installing $$wanted packages, the versions of $(1) (a minute or so the first time)"; \
: >$$log; $(PIP) install --no-deps -r $(1) >>$$log 2>&1 & pid=$$!; \
while kill -0 $$pid 2>/dev/null; do \
	sleep 0.3; found=$$(grep -cE '^(Collecting|Requirement already)' $$log || true); \
	if [ $$((found - done)) -ge 10 ]; then done=$$found; echo "  $$done of $$wanted are there"; fi; \
	if grep -q '^Installing collected' $$log; then echo "  all are there: unpacking"; break; fi; \
done; \
wait $$pid || $(PIP) install -q --no-deps -r $(1); \
$(PIP) install -qq --no-deps -e . || $(PIP) install -q --no-deps -e .
endef
