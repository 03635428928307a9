# `make demo` and `make test` need Python 3.11 or newer, a C++ compiler and make. The rest goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
EXTRAS := sim,wave,fpga,train,search,cluster,link,import,events,firmware,soc,formal,docs,test

.PHONY: demo test fuzz lint docs clean

demo: $(STAMP)
	$(BIN)/spikeloom demo

# PyTorch would start a thread per core in each of pytest's workers.
test: export OMP_NUM_THREADS := 1
test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(TESTS)

# make fuzz SECONDS=600 SEED=1000: random cases for so long; what fails is kept in build/fuzz.
SECONDS ?= 600
SEED ?= 0
fuzz: export OMP_NUM_THREADS := 1
fuzz: $(STAMP)
	$(BIN)/spikeloom fuzz --seconds $(SECONDS) --seed $(SEED)

lint: $(STAMP)
	$(BIN)/ruff check .

# The manual as HTML, in build/manual; a warning is an error.
docs: $(STAMP)
	$(BIN)/python docs/manual.py

# The YoWASP tools compile themselves at their first start, and two at once would trip over each other.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "PYTHON must be Python 3.11 or newer, not " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--no-build-isolation -e '.[$(EXTRAS)]'
	$(BIN)/python -c 'from spikeloom import tools; tools.warm()'
	touch $@

clean:
	rm -rf .venv build
