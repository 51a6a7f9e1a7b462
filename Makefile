# The two commands are "make run" and "make test"; everything they do is in scripts/.

LISTEN ?= :9494

.PHONY: help run demo mixin test deps bench bench-fleet soak kindness fuzz bench-instructions

help:
	@echo "make run    the exporter on a real Kamailio with SIP traffic, on LISTEN ($(LISTEN)), until Ctrl-C"
	@echo "make demo   the same, scraped by a Prometheus with the rules of mixin/ and an Alertmanager"
	@echo "make mixin  generates the alerts, rules and dashboards of mixin/ from their sources"
	@echo "make test   all checks and tests; installs what they need"
	@echo "make bench  what a scrape costs, beside the floor; PEERS=\"name=/path\" beside other exporters too"
	@echo "make fuzz   each fuzz target for FUZZ_SECONDS (60), side by side"
	@echo "make soak   200,000 scrapes (SCRAPES) with random faults (SEED): whether anything grows"
	@echo "make kindness  what a scrape each second costs a busy Kamailio in calls"
	@echo "make bench-fleet  what probing a thousand Kamailios costs, in two minutes (SECONDS=120)"
	@echo "make bench-instructions  what a reply costs, counted and compared with bench/instructions.txt; REFRESH=1 writes that"
	@echo "make deps   installs what the tests need, and nothing if it is there"

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
