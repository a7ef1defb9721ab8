# `make run` and `make test` set up everything that they need; nothing has to be installed before but
# Python 3.11 or later (and Debian's or your system's Chromium for the browser tests).

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-all setup lint lock audit protections load train-smoke report settings screenshots translations bench instances rehearse clean

run: $(VENV)/.serve
	PORT=$(PORT) $(BIN)/gunicorn wsgi:app

# Five minutes on two quiet cores: everything that tells right from wrong. Neighbours share servers, photos and imports;
# who is through helps the others. A third row for two cores computes while another waits for a browser or a clock.
test: $(VENV)/.dev
	$(BIN)/pytest --dist worksteal --numprocesses 3 -m "not slow"

# The rest, which takes longer: the long fuzz, the whole training road, large photos. These do not wait, and those that
# need one trained bundle stay together.
test-all: $(VENV)/.dev
	$(BIN)/pytest --dist loadgroup --numprocesses 2 -m slow

setup: $(VENV)/.dev

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Which exact packages, with their hashes: after a change of a list in pyproject.toml.
lock: $(VENV)/.dev
	$(BIN)/python scripts/lock.py

# Fails where a package has a known hole, and where that cannot be found out.
audit: $(VENV)/.dev
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.txt
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements-dev.txt

# Twenty-five minutes: takes each protection out of a copy once and expects its test to fail.
protections: $(VENV)/.dev
	$(BIN)/python -m scripts.remove_protections

# Five minutes: 4 clients, then 64, then more than the queue in front of the model holds, and what that says.
load: $(VENV)/.dev
	$(BIN)/python -m benchmarks.load

train-smoke: $(VENV)/.dev
	$(BIN)/pytest tests/train/test_pipeline.py

report: $(VENV)/.dev
	$(BIN)/python -m train report --bundle webapp/bundle --readme README.md

# The table of settings in docs/run.md, after a change of one.
settings: $(VENV)/.dev
	$(BIN)/python -m scripts.settings_table

screenshots: $(VENV)/.dev
	$(BIN)/python -m scripts.screenshots

# Collects the texts of the pages, hands new ones to each translation (empty, to be filled in), and compiles
# what there is: after a change of a text or a translation.
CATALOGUE := webapp/translations
translations: $(VENV)/.serve
	PYTHONPATH=. $(BIN)/pybabel --quiet extract --mapping-file babel.cfg --add-location file --omit-header \
		--output-file $(CATALOGUE)/messages.pot templates webapp
	$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
		--input-file $(CATALOGUE)/messages.pot --output-dir $(CATALOGUE)
	$(BIN)/pybabel compile --statistics --directory $(CATALOGUE)

# Ten minutes on a quiet machine; writes benchmarks/results.json, README.md and results.svg.
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# Three minutes on a quiet machine with nginx (Debian's package): two instances against one, and the memory that
# the largest photos take. Writes benchmarks/instances.json and puts its figures into benchmarks/README.md.
instances: $(VENV)/.dev
	$(BIN)/python -m benchmarks.instances

# Four minutes on a quiet machine: a deploy to three sizes of dyno. Writes benchmarks/rehearsal.json and puts its
# figures into benchmarks/README.md and README.md.
rehearse: $(VENV)/.dev
	$(BIN)/python -m scripts.rehearse_deploy
	$(BIN)/python -m benchmarks.render

# Each stamp is the time of the last installation from the files that it depends on.
$(VENV)/.serve: requirements.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --require-hashes -r requirements.txt
	touch $@

$(VENV)/.dev: requirements.txt requirements-train.txt requirements-dev.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.txt
	touch $@ $(VENV)/.serve

# Debian's Python without python3-venv leaves an environment without pip: it goes, so that the next try begins anew.
$(VENV)/bin/pip:
	$(PYTHON) scripts/check_machine.py
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian and Ubuntu: sudo apt install python3-venv, then again."; exit 1; }

clean:
	rm -rf $(VENV) build
