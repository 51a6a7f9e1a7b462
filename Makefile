# The two commands are "make run" and "make test"; everything they do is in scripts/.

LISTEN ?= :9494

.PHONY: help run test deps

help:
	@echo "make run    the exporter on a real Kamailio with SIP traffic, on LISTEN ($(LISTEN)), until Ctrl-C"
	@echo "make test   all checks and tests; installs what they need"
	@echo "make deps   installs what the tests need, and nothing if it is there"

run:
	@LISTEN='$(LISTEN)' exec scripts/run.sh

test:
	@exec scripts/test.sh

deps:
	@exec scripts/deps.sh
