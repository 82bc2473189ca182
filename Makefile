# Everything from nothing: "make help" lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env test lint demo clean

# The environment is complete in itself: a ROS 2 sourced in this shell takes no part.
unexport PYTHONPATH PYTHONHOME AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH
# Set in a Python that runs from ROS wheels, where it would keep ours from finding its libraries.
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

VENV := .venv
CODE := $(wildcard benchmark) cmake deepsort_ros interfaces/vision_msgs/setup.py launch lint \
  setup.py test
LINT_LOG := $(VENV)/lint.log
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PIP := python -m pip --disable-pip-version-check
INSTALL_LOCAL := $(PIP) install -qq --no-deps --no-index --no-build-isolation --force-reinstall

# MindSpore 2.10 has wheels for Python 3.10 to 3.12; PYTHON=... chooses one.
PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.10; do \
  "$$python" -c 'import sys; (3, 10) <= sys.version_info < (3, 13) or sys.exit(1)' 2>/dev/null \
  && echo "$$python" && break; done)

# What has been done is recorded in files of .venv named after the contents of what went in:
# a step runs again when a file changes, appears or goes, and only then.
digest = $(shell find $(1) -type f -not -path '*/__pycache__/*' -not -path '*/build/*' \
  -not -path '*.egg-info/*' -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0 sha256sum \
  | sha256sum | cut -c 1-16)
BUILD := cmake requirements
REQUIREMENTS_DONE := $(VENV)/.requirements-$(call digest,requirements)
VISION_MSGS_DONE := $(VENV)/.vision_msgs-$(call digest,$(BUILD) interfaces)
PACKAGE_DONE := $(VENV)/.package-$(call digest,$(BUILD) interfaces CMakeLists.txt package.xml \
  setup.py pyproject.toml config deepsort_ros launch models msg scripts)
done = @rm -f $(VENV)/.$(1)-* && touch $@

help: ## Show this help.
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile
	@echo 'Each sets up all it needs in $(VENV), without sudo.'

env: $(PACKAGE_DONE) ## Build the environment: ROS 2, MindSpore, the messages, this package.
	@echo "Ready: source $(VENV)/bin/activate"

test: lint ## Run the linters, the type checker and all tests.
	@echo 'Tests'
	@python -m pytest test

lint: env ## Run the linters and the type checker alone.
	@echo 'Linters and type checker'
	@ruff check --quiet .
	@ament_flake8 --config .flake8 $(CODE) > $(LINT_LOG) 2>&1 || { sed '/^Checked files/,$$d' $(LINT_LOG); exit 1; }
	@ament_pep257 $(CODE) > $(LINT_LOG) 2>&1 || { grep -v '^checking' $(LINT_LOG); exit 1; }
	@mypy
	@codespell
	@python lint/words.py

demo: env ## Track a rendered scene with the live node (SEQUENCE=path: a MOTChallenge sequence).
	@deepsort demo --output out/demo $(if $(SEQUENCE),--sequence '$(SEQUENCE)')

clean: ## Remove the environment, the builds and the output.
	rm -rf $(VENV) build install log out *.egg-info interfaces/vision_msgs/build \
	  interfaces/vision_msgs/*.egg-info .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'No Python 3.10, 3.11 or 3.12, which MindSpore 2.10 needs:' \
	  'install one, or name it: make env PYTHON=/path/to/python'; exit 1; }
	@command -v c++ > /dev/null || { echo 'No C++ compiler:' \
	  'Debian and Ubuntu have one in the package g++'; exit 1; }
	@echo '[1/4] Virtual environment in $(VENV), with $(PYTHON)'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo 'Debian and Ubuntu have this in the package python3-venv'; exit 1; }

$(REQUIREMENTS_DONE): | $(BIN)/python
	@echo '[2/4] Requirements from PyPI (3 GB): ROS 2 Jazzy, MindSpore and the tools'
	@$(PIP) install -qq --no-warn-conflicts -r requirements/runtime.txt \
	  -r requirements/build.txt -r requirements/test.txt -r requirements/docs.txt \
	  -c requirements/constraints.txt
	@$(PIP) install -qq --no-deps -r requirements/trackeval.txt
	$(call done,requirements)

# Ours stands in for vision_msgs where there is none; a real one is never replaced.
$(VISION_MSGS_DONE): $(REQUIREMENTS_DONE)
	@if $(PIP) show -qq deepsort-ros-vision-msgs 2>/dev/null \
	    || ! python -c 'import vision_msgs' 2>/dev/null; then \
	  echo '[3/4] vision_msgs, from interfaces/vision_msgs'; \
	  $(INSTALL_LOCAL) ./interfaces/vision_msgs; \
	else \
	  echo '[3/4] vision_msgs is there already'; \
	fi
	$(call done,vision_msgs)

$(PACKAGE_DONE): $(VISION_MSGS_DONE)
	@echo '[4/4] deepsort_ros: messages, modules and executables'
	@$(INSTALL_LOCAL) .
	$(call done,package)
