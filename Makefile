# `make` lists what can be made. PYTHON selects the interpreter that the environment is made with:
#   make setup PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
PARAMETERS ?=
SITE := _build/html

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup book test lint lab bench pages train tune lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/installed ## make .venv and install what requirements.lock pins (once; about 7 GB)

book: .venv/installed ## make every table, execute every notebook, build the book into _build/html (PARAMETERS="-p seed 2")
	$(BIN)/capxai evaluate --profile scenes --again
	$(BIN)/capxai run $(PARAMETERS)
	rm -rf _build
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo
	@echo "The book is built. Open it as a file:"
	@echo "    $(CURDIR)/$(SITE)/index.html"
	@echo "or serve it and open http://localhost:8000 :"
	@echo "    $(BIN)/python -m http.server --directory $(SITE)"

test: .venv/installed ## run the tests, one process a core; the last lines say what could not run and how to get it
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

lint: .venv/installed ## ruff on everything, mypy --strict on the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lab: .venv/installed ## open the chapters as notebooks in JupyterLab
	mkdir -p .venv/share/jupyter/lab/settings
	cp book/_lab.json .venv/share/jupyter/lab/settings/overrides.json
	$(BIN)/jupyter lab book

bench: .venv/installed ## time the explanations (table and JSON)
	$(BIN)/python benchmarks/bench.py

pages: .venv/installed ## time how soon each page of the built book can be used
	$(BIN)/python benchmarks/pages.py

train: .venv/installed ## train the shipped weights of the default profile anew (about half an hour; then make tune, which starts from them)
	for m in encoder adaptive grid_td; do $(BIN)/capxai train --profile scenes --model $$m || exit; done
	cp runs/scenes/encoder.safetensors runs/scenes/encoder.md capxai_core/pretrained/scenes/
	for m in adaptive grid_td; do for f in safetensors md; do \
		cp runs/scenes/$$m/captioner.$$f capxai_core/pretrained/scenes/$$m.$$f || exit; done; done

tune: .venv/installed ## tune the default profile's captioner by its own explanations: table III (about half an hour)
	$(BIN)/capxai tune --profile scenes --model adaptive --seeds 5 --variants 1
	for f in safetensors md; do \
		cp runs/scenes/adaptive/tuned/mapped/lrp-1/captioner.$$f capxai_core/pretrained/scenes/adaptive_lrp.$$f || exit; done

lock: .venv/installed ## resolve requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --all-extras \
		pyproject.toml -o requirements.lock

clean: ## remove the built book, the executed notebooks and all caches, but not .venv
	rm -rf _build book/*.ipynb build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find capxai_core tests book -name __pycache__ -prune -exec rm -rf {} +

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "capxai needs Python 3.11 or newer, and $(PYTHON) is none: name one, as in 'make $(MAKECMDGOALS) PYTHON=python3.12'"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "The venv module of $(PYTHON) is missing: 'apt-get install python3-venv' on Debian and Ubuntu, then try again"; exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
