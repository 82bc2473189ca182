# Everything from nothing: "make help" lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env test test-oldest test-mindspore test-training lint coverage figures docs demo clean

# The environment is complete in itself: a ROS 2 sourced in this shell takes no part.
unexport PYTHONHOME AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH ROS_DISTRO
ifdef ASCEND_OPP_PATH
# But for the compilers of CANN, which are Python packages that set_env.sh puts there.
export PYTHONPATH := $(shell printf '%s' "$$PYTHONPATH" | tr ':' '\n' | grep -i ascend | paste -sd:)
else
unexport PYTHONPATH
endif
# Set in a Python that runs from ROS wheels, where it would keep ours from finding its libraries.
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

# Another distribution gets an environment of its own: make test DISTRO=kilted
DISTRO ?= jazzy
VENV := .venv$(if $(filter-out jazzy,$(DISTRO)),-$(DISTRO))
CODE := $(wildcard benchmark) cmake deepsort_ros interfaces/vision_msgs/setup.py \
  interfaces/tf2_msgs/setup.py launch lint \
  setup.py test
LINT_LOG := $(VENV)/lint.log
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PIP := python -m pip --disable-pip-version-check
OLDEST_PYTHON ?= $(shell for python in python3.10 $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.10.*/bin/python; do \
  "$$python" -c '' 2>/dev/null && echo "$$python" && break; done)
VERSION ?= 2.7.0
# Of several processes one runs all tests that start nodes, the others the rest, file by file.
PROCESSES ?= --numprocesses 2 --dist loadfile
MINDSPORE_TESTS ?= test/reid test/serving
WITHOUT_ROS := test/tracking test/world test/mot test/scene test/serving test/report \
  test/test_*.py
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
VISION_MSGS_DONE := $(VENV)/.vision_msgs-$(call digest,$(BUILD) interfaces/vision_msgs)
TF2_MSGS_DONE := $(VENV)/.tf2_msgs-$(call digest,$(BUILD) interfaces/tf2_msgs)
PACKAGE_DONE := $(VENV)/.package-$(call digest,$(BUILD) interfaces CMakeLists.txt package.xml \
  setup.py pyproject.toml config deepsort_ros launch models msg scripts)
done = @rm -f $(VENV)/.$(1)-* && touch $@
# An environment (folder, Python, what to install) of its own, which the commands after it use.
define environment
$(eval export PATH := $(CURDIR)/$(1)/bin:$(PATH))
@test -e $(1)/bin/pip || $(2) -m venv $(1)
@$(1)/bin/pip install -qq --disable-pip-version-check \
  $(patsubst requirements/%,-r requirements/%,$(3))
endef

help: ## Show this help.
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile
	@echo 'Each sets up all it needs in $(VENV), without sudo.'

env: $(PACKAGE_DONE) ## Build the environment: ROS 2, MindSpore, the messages, this package.
	@echo "Ready: source $(VENV)/bin/activate"

ifeq ($(DISTRO),jazzy)
test: lint ## Run the linters, the type checker and all tests (DISTRO=kilted: all of ROS there).
	@echo 'Tests'
	@python -m pytest $(PROCESSES) test
else
test: env
	@echo 'Tests with ROS 2 $(DISTRO)'
	@python -m pytest test/ros test/replay test/launch test/packaging test/bags
endif

# By hand before a release. Both need no ROS, and environments that $(VENV) does not share.
test-oldest: ## Run what needs no ROS and no MindSpore with the libraries of Ubuntu 22.04.
	@test -n '$(OLDEST_PYTHON)' || { echo 'No Python 3.10: install one, or name it:' \
	  'make test-oldest OLDEST_PYTHON=/path/to/python'; exit 1; }
	$(call environment,.venv-oldest,$(OLDEST_PYTHON),requirements/oldest.txt)
	@python -m pip install -qq --no-deps -r requirements/oldest-no-deps.txt
	@python -m pytest $(WITHOUT_ROS)

test-mindspore: ## Run the tests of the network with another MindSpore: VERSION=2.7.0.
	$(call environment,.venv-mindspore-$(VERSION),$(PYTHON),requirements/mindspore-$(if \
	  $(filter 2.10%,$(VERSION)),new,old).txt mindspore==$(VERSION))
	@python -m pip install -qq --no-deps -r requirements/trackeval.txt
	@DEEPSORT_REFERENCE_PYTHON=$(wildcard $(CURDIR)/$(VENV)/bin/python) \
	  python -m pytest $(MINDSPORE_TESTS)

test-training: ## Run the tests of training/, which need PyTorch and OpenVINO.
	$(call environment,.venv-training,$(PYTHON),requirements/mindspore-new.txt \
	  requirements/training.txt mindspore==2.10.0)
	@python -m pip install -qq --no-deps -r requirements/trackeval.txt
	@python -m pytest test/reid/test_adapt.py test/reid/test_footage.py test/reid/test_score.py \
	  test/reid/test_omni_network.py test/reid/test_teachers.py

lint: env ## Run the linters and the type checker alone.
	@echo 'Linters and type checker'
	@ruff check --quiet .
	@ament_flake8 --config .flake8 $(CODE) > $(LINT_LOG) 2>&1 || { sed '/^Checked files/,$$d' $(LINT_LOG); exit 1; }
	@ament_pep257 $(CODE) > $(LINT_LOG) 2>&1 || { grep -v '^checking' $(LINT_LOG); exit 1; }
	@mypy
	@codespell
	@check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@python lint/words.py

coverage: env ## Measure the share of the code that the tests without ROS run.
	@python -m pytest -q $(WITHOUT_ROS) test/reid --cov=deepsort_ros --cov-report=term:skip-covered

figures: env ## Measure what docs/figures.md states (minutes; with nothing else on the machine).
	@python benchmark/figures.py

docs: env ## Build the documentation as a site in out/site, with its links checked.
	@NO_MKDOCS_2_WARNING=1 python -m mkdocs --quiet build --strict
	@echo 'Open out/site/index.html'

demo: env ## Track a rendered scene with the live node (or SEQUENCE=folder, VIDEO=file).
	@$(if $(VIDEO),,deepsort demo --drive --output out/demo)
	@deepsort demo --output out/demo $(if $(VIDEO),--video '$(VIDEO)',$(if \
	  $(SEQUENCE),--sequence '$(SEQUENCE)'))

clean: ## Remove the environment, the builds and the output.
	rm -rf .venv .venv-* build install log out *.egg-info interfaces/*/build \
	  interfaces/*/*.egg-info .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'No Python 3.10, 3.11 or 3.12, which MindSpore 2.10 needs:' \
	  'install one, or name it: make env PYTHON=/path/to/python'; exit 1; }
	@command -v c++ > /dev/null || { echo 'No C++ compiler:' \
	  'Debian and Ubuntu have one in the package g++'; exit 1; }
	@echo '[1/4] Virtual environment in $(VENV), with $(PYTHON)'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo 'Debian and Ubuntu have this in the package python3-venv'; exit 1; }

FILES := runtime build test docs
ifeq ($(DISTRO),jazzy)
INSTALL := $(FILES:%=-r requirements/%.txt) -c requirements/constraints.txt
else
# The same, but for what is of ROS.
INSTALL := -r requirements/$(DISTRO).txt -r $(VENV)/no_ros.txt -c $(VENV)/no_ros_constraints.txt
endif

$(REQUIREMENTS_DONE): | $(BIN)/python
	@echo '[2/4] Requirements from PyPI (3 GB): ROS 2 $(DISTRO), MindSpore and the tools'
	@grep -hv '^ros-' $(FILES:%=requirements/%.txt) > $(VENV)/no_ros.txt
	@grep -v '^ros-' requirements/constraints.txt > $(VENV)/no_ros_constraints.txt
	@$(PIP) install -qq --no-warn-conflicts $(INSTALL)
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

$(TF2_MSGS_DONE): $(VISION_MSGS_DONE)
	@if $(PIP) show -qq deepsort-ros-tf2-msgs 2>/dev/null \
	    || ! python -c 'import tf2_msgs' 2>/dev/null; then \
	  echo '      tf2_msgs, from interfaces/tf2_msgs'; \
	  $(INSTALL_LOCAL) ./interfaces/tf2_msgs; \
	fi
	$(call done,tf2_msgs)

$(PACKAGE_DONE): $(TF2_MSGS_DONE)
	@echo '[4/4] deepsort_ros: messages, modules and executables'
	@$(INSTALL_LOCAL) .
	$(call done,package)
