# make demo and make test are all a user needs; the rest is for developers.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := proto client server worker tests

.PHONY: setup demo test lint proto bench

setup: .venv/installed

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11)' 2>/dev/null || { echo "Goldenpart needs Python 3.11 or newer; name it with PYTHON=..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[server,worker,s3,mqtt,dev]'
	touch $@

demo: setup
	$(BIN)/python -m goldenpart.worker.demo

test: setup lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: setup
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy -p goldenpart.client -p goldenpart.server -p goldenpart.worker
	$(BIN)/buf lint proto

proto: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/contract/regenerate_stubs.py proto

bench: setup
	$(BIN)/python -m tests.benchmarks.inspect_ratio
	$(BIN)/python -m tests.benchmarks.coreset_ratio
	$(BIN)/goldenpart-simulate bench
