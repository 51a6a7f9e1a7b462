# "make run" and "make test" run the scripts in scripts/.

LISTEN ?= :9494

.PHONY: help run test deps bench bench-fleet soak kindness fuzz bench-instructions mutants

help:
	@echo "make run    run the exporter on a real Kamailio with SIP traffic, on LISTEN ($(LISTEN)), until Ctrl-C"
	@echo "make test   install missing programs, and run all checks and tests"
	@echo "make bench  measure the cost of a scrape, and that of other exporters: PEERS=\"name=/path\""
	@echo "make fuzz   run all fuzz targets in parallel for FUZZ_SECONDS (60)"
	@echo "make mutants  list the changes to the code that no test notices: SUBJECTS=\"CRATE PATH\""
	@echo "make soak   look for growth over SCRAPES (200,000) with random faults (SEED)"
	@echo "make kindness  measure how many calls a scrape per second costs a busy Kamailio"
	@echo "make bench-fleet  measure probes of a thousand Kamailios for two minutes (SECONDS=120)"
	@echo "make bench-instructions  count instructions and compare with bench/instructions.txt; REFRESH=1 rewrites it"
	@echo "make deps   install the programs that the tests need, unless they are installed"

run:
	@LISTEN='$(LISTEN)' exec scripts/run.sh

test:
	@exec scripts/test.sh

deps:
	@exec scripts/deps.sh

bench:
	@scripts/deps.sh
	@cargo build --quiet --release --package kamailio_exporter --package bench
	@exec target/release/bench

fuzz:
	@exec scripts/fuzz.sh

soak:
	@scripts/deps.sh
	@cargo build --quiet --release --package kamailio_exporter --package bench
	@exec target/release/soak

kindness:
	@scripts/deps.sh
	@cargo build --quiet --release --package kamailio_exporter --package bench
	@exec target/release/kindness

bench-fleet:
	@cargo build --quiet --release --package kamailio_exporter --package bench
	@exec target/release/fleet

bench-instructions:
	@cargo build --quiet --release --package bench
	@exec target/release/bench instructions

mutants:
	@exec scripts/mutants.sh $(SUBJECTS)
