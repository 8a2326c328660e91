# Everything that is done to this repository more than once. From a fresh clone any target works at once: it makes a
# virtual environment in .venv, installs what requirements/*.lock says, and keeps both until the lock changes.
# It needs make, Python 3.11 to 3.13, of which the locked TensorFlow has wheels, and a package index; nothing else is
# fetched.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# What `make validate` and `make execute` take: PROFILE=smoke|laptop|full, NOTEBOOKS="solutions/03_cnn_math.ipynb ...".
# Left out, the machine decides the profile (full with a GPU, laptop without) and all notebooks are run.
PROFILE ?=
NOTEBOOKS ?=
# A folder in which `make validate` leaves the notebooks as they ran, and how many run at a time. Trainings that share
# a machine take longer, so only smoke, whose seconds prove nothing, runs two.
KEEP ?=
VALIDATE_WORKERS ?= $(if $(filter smoke,$(PROFILE)),$(WORKERS),1)
ifneq ($(strip $(PROFILE)),)
export COURSE_PROFILE := $(PROFILE)
endif

# The lock with CUDA is three times as large, so only a machine with an NVIDIA driver gets it.
ACCELERATOR ?= $(if $(shell command -v nvidia-smi 2>/dev/null),gpu,cpu)
LOCK := requirements/$(ACCELERATOR).lock
INSTALLED := $(VENV)/.installed-$(ACCELERATOR)

# Two workers, each with its own TensorFlow: more of them need more memory than a laptop has.
# What shares a set-up stays with one worker (conftest.py says what does, and in which order), so that it is set up once.
WORKERS ?= 2
PYTEST_ARGS ?=

PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help install book test validate backends execute exercises lint format serve lock clean
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## /\1\t/' | \
		while IFS="$$(printf '\t')" read -r target text; do printf '  make %-10s %s\n' "$$target" "$$text"; done

install: $(INSTALLED) ## make .venv with everything in it (every other target does so by itself)

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here. Install Python 3.11, 3.12 or 3.13, or name it: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v < (3, 14) or sys.exit("$(PYTHON) is Python %d.%d; the course needs 3.11, 3.12 or 3.13. Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" % v[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Of the 20,000 files of these packages few are ever imported. So pip compiles none of them, and one import of those that
# notebooks and tests use leaves their bytecode, even where Python is told to write none: Keras then starts in a third
# of the time, in each of a hundred processes.
IMPORTED := hypothesis, ipykernel.kernelapp, jupyter_book.cli.main, keras, myst_nb, nbclient, nbval, playwright, pooch, \
	pytest, scipy.optimize, seaborn, sklearn.svm
$(INSTALLED): $(LOCK) pyproject.toml | $(VENV)/bin/python
	@echo "Installing $(LOCK) into $(VENV): a few minutes, once."
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(BIN)/python -m ensurepip >/dev/null # uv makes .venv without it
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c "import $(IMPORTED)" 2>/dev/null || true
	@rm -f $(VENV)/.installed-* && touch $@

# Sphinx keeps what it read in _build and then warns about pages that have moved since, so every build is a whole one.
# It needs no backend of Keras: whoever publishes the book may have none, so none is there to lean on.
book: $(INSTALLED) ## build the book into _build/html, warnings are errors
	rm -rf _build
	KERAS_BACKEND=none_at_all $(BIN)/jupyter-book build -W -n --keep-going --all .

test: $(INSTALLED) ## run the tests; PYTEST_ARGS="-k budget" runs some
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

validate: $(INSTALLED) ## re-execute solutions and chapters and prove their results; PROFILE=smoke|laptop|full, NOTEBOOKS=...
	$(BIN)/course validate --workers $(VALIDATE_WORKERS) $(if $(KEEP),--keep $(KEEP)) $(NOTEBOOKS)

# JAX and PyTorch are in no lock: each gets an environment beside .venv, which sees everything in that one.
backends: $(INSTALLED) ## run notebooks at smoke on TensorFlow, JAX and PyTorch, write the table of chapter 13; NOTEBOOKS=...
	$(BIN)/course backends $(NOTEBOOKS)

execute: $(INSTALLED) ## run notebooks and store their outputs; PROFILE=..., NOTEBOOKS=...
	$(BIN)/course execute $(NOTEBOOKS)

exercises: $(INSTALLED) ## write exercises/ from solutions/
	$(BIN)/course exercises

lint: $(INSTALLED) ## check code, notebooks, exercises and workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/course format --check
	$(BIN)/course exercises --check
	@sh .ci/actionlint $(VENV)/actionlint

format: $(INSTALLED) ## bring code and notebooks into their canonical form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/course format

serve: ## show the built book at http://localhost:8000 (PORT=...)
	@test -f _build/html/index.html || $(MAKE) book
	@echo "http://localhost:$(PORT) (Ctrl-C ends it)"
	@$(PYTHON) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

lock: $(INSTALLED) ## write requirements/*.lock anew, with the newest versions that pyproject.toml admits
	@$(BIN)/python -m pip install --quiet uv
	@for accelerator in cpu gpu; do \
		$(BIN)/uv pip compile pyproject.toml --quiet --no-config --upgrade --universal --python-version 3.11 \
			--extra $$accelerator --extra weights --extra book --extra test \
			--generate-hashes --no-emit-index-url --no-emit-find-links \
			--annotation-style line --custom-compile-command "make lock" \
			--output-file requirements/$$accelerator.lock || exit 1; \
	done

clean: ## remove what was built; the environment (.venv) and downloaded data stay
	rm -rf _build build dist .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
