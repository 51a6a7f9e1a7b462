# Most targets run a script of scripts/ or a program of bench/.

LISTEN ?= :9494

.PHONY: help run demo mixin test deps bench bench-fleet bench-queries soak bench-load fuzz bench-instructions mutants release release-test

help:
	@echo "make run    run the exporter on a real Kamailio with SIP traffic, on LISTEN ($(LISTEN)), until Ctrl-C"
	@echo "make demo   the same, with a Prometheus that loads the rules of mixin/, and an Alertmanager"
	@echo "make mixin  generate the alerts, rules and dashboards of mixin/ from their sources"
	@echo "make test   install missing programs, and run all checks and tests"
	@echo "make release  make the tarballs, packages and checksums of a release in dist/: TARGETS=\"NAME ...\""
	@echo "make release-test  check the files of a release as users get them; FULL=1 for other architectures too"
	@echo "make bench  measure the cost of a scrape, and that of other exporters: PEERS=\"name=/path\""
	@echo "make fuzz   run all fuzz targets in parallel for FUZZ_SECONDS (60)"
	@echo "make mutants  list the changes to the code that no test notices: SUBJECTS=\"CRATE PATH\""
	@echo "make soak   look for growth over SCRAPES (200,000) with random faults (SEED)"
	@echo "make bench-load  measure how many calls a scrape per second costs a busy Kamailio"
	@echo "make bench-fleet  measure probes of a thousand Kamailios for two minutes (SECONDS=120)"
	@echo "make bench-queries  time the queries of a dashboard in Prometheus, with 200 instances of 500 destinations"
	@echo "make bench-instructions  count instructions and compare with bench/instructions.txt; REFRESH=1 rewrites it"
	@echo "make deps   install the programs that the tests need, unless they are installed"

run:
	@LISTEN='$(LISTEN)' exec scripts/run.sh

demo:
	@LISTEN='$(LISTEN)' exec scripts/run.sh monitoring

mixin:
	@scripts/deps.sh
	@exec scripts/mixin.sh build

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

bench-load:
	@scripts/deps.sh
	@cargo build --quiet --release --package kamailio_exporter --package bench
	@exec target/release/load

bench-fleet:
	@cargo build --quiet --release --package kamailio_exporter --package bench
	@exec target/release/fleet

bench-queries:
	@scripts/deps.sh
	@exec python3 bench/queries.py

bench-instructions:
	@cargo build --quiet --release --package bench
	@exec target/release/bench instructions

mutants:
	@exec scripts/mutants.sh $(SUBJECTS)

release:
	@exec scripts/release.sh $(TARGETS)

release-test:
	@scripts/deps.sh
	@exec scripts/release.sh test
