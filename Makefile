# make demo   creates the environment, installs, serves the app on port 7860
# make test   installs what the tests need, a browser too, and passes them
# make test-fast   the tests that need neither a browser nor many seconds
# make hostile   10,000 hostile inputs, hostile machines, and the container's steps
# make lint   style, types, wording, and known vulnerabilities of what is installed
# make install, make bench
# make ray    installs Ray, and passes the tests that start a cluster of it (some minutes)
# make openvino   installs OpenVINO, and passes the tests of the networks that it runs
# make gpu    tries a CUDA device for MINUTES (10): tests, times; the report is in gpu/

PYTHON ?= python3
BIN := .venv/bin
PORT ?= 7860
MINUTES ?= 10
# Plain pip would take the CUDA build of torch on a machine without a GPU; give TORCH_INDEX to choose another index.
PIP_FLAGS := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: demo install test test-fast lint hostile bench ray openvino gpu clean

demo: .venv/installed
	GRADIO_SERVER_NAME=$${GRADIO_SERVER_NAME:-127.0.0.1} GRADIO_SERVER_PORT=$${GRADIO_SERVER_PORT:-$(PORT)} $(BIN)/python app.py

install: .venv/installed

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) --editable .
	touch $@

.venv/tools: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

.venv/tested: .venv/tools
	$(BIN)/python tests/browser.py --install
	touch $@

# The tests start dozens of processes: byte code is written once, also where the environment forbids it.
test test-fast: export PYTHONDONTWRITEBYTECODE :=

test: .venv/tested
	$(BIN)/python -m pytest -n 2 -m "not browser"
	$(BIN)/python -m pytest -m browser

test-fast: .venv/tools
	$(BIN)/python -m pytest -n 2 -m "not browser and not slow"

lint: .venv/tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/words.py
	$(BIN)/python tests/audit.py

hostile: .venv/tools
	HOSTILE_CASES=10000 $(BIN)/python -m pytest -n 0 -s tests/hostile
	$(BIN)/python tests/hostile/container.py

bench: .venv/installed
	$(BIN)/python -m remdm bench

ray: .venv/tools
	$(BIN)/python -m pip install --quiet --editable '.[ray]'
	$(BIN)/python -m pytest -n 0 -m ray

openvino: .venv/tools
	$(BIN)/python -m pip install --quiet --editable '.[openvino]'
	$(BIN)/python -m pytest -n 0 -m openvino

gpu: .venv/installed
	$(BIN)/python -m pip install --quiet pytest
	$(BIN)/python -m remdm gpu --minutes $(MINUTES) --out gpu

clean:
	rm -rf .venv
