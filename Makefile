# `make demo` and `make test` set up everything they need in .venv; a machine with CPython, pip, gcc and make is enough.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.ready
PACKAGES := packages/ryft-xla-sys packages/ryft-pjrt packages/ryft-mlir packages/ryft-core packages/ryft
SOURCES := pyproject.toml $(wildcard packages/*/pyproject.toml packages/*/hatch_build.py \
           packages/ryft-xla-sys/native/* packages/ryft-xla-sys/native/*/* packages/ryft-core/native/* \
           packages/ryft-xla-sys/src/ryft_xla_sys/protos/*.proto)
WORKERS ?= 2

.PHONY: setup demo test lint format bench wheels clean

setup: $(STAMP)

$(STAMP): $(SOURCES)
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade "pip>=25.1"
	$(RUN) -m pip install --quiet --group dev
	$(RUN) -m pip install --quiet --no-build-isolation $(addprefix --editable ,$(PACKAGES))
	touch $(STAMP)

demo: $(STAMP)
	$(RUN) examples/devices.py
	$(RUN) examples/add_pjrt.py
	$(RUN) examples/matmul_mlir.py
	$(RUN) examples/control_flow_mlir.py
	$(RUN) examples/train_digits.py

test: $(STAMP)
	$(RUN) -m pytest -n $(WORKERS) --dist worksteal

lint: $(STAMP)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m basedpyright

format: $(STAMP)
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: $(STAMP)
	$(RUN) -m pip install --quiet --group bench
	$(RUN) -m benchmarks

wheels: $(STAMP)
	$(RUN) tools/check_wheels.py

clean:
	rm -rf $(VENV) dist build
