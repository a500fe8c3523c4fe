# Run `make` to see what there is.
GO       ?= go
LINT     := $(GO) tool -modfile=internal/tools/go.mod golangci-lint
TIMEOUT  ?= 15m
FUZZTIME ?= 20s
BENCH    ?= .
SEEDS    ?= 2000
# SQLite is C that was translated, and each connection is one goroutine's at a time:
# the race detector would take three times as long to watch it, and see nothing.
RACE     := -race -gcflags='modernc.org/...=-race=false'

.DEFAULT_GOAL := help

.PHONY: help
help: ## show the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build ./waybill
	CGO_ENABLED=0 $(GO) build -trimpath -o waybill ./cmd/waybill

.PHONY: run
run: ## run the demo: engine, receivers, dead letters and a replay
	@echo "Building Waybill; the first time this takes a minute or two."
	@$(GO) run ./cmd/waybill demo

.PHONY: test
test: ## install what the tests need, then run them all
	@.ci/install
	@# The stores take longest, so they come first: no core is idle at the end.
	$(GO) test $(RACE) -shuffle=on -timeout=$(TIMEOUT) ./store/... $$($(GO) list ./... | grep -v -e /store -e /internal/sim$$)
	@# Next to nothing happens at the same instant here: the race detector would cost much and see little.
	$(GO) test -shuffle=on -timeout=$(TIMEOUT) ./internal/sim -sim.seeds=$(SEEDS)

.PHONY: lint
lint: ## run the linters and check the spelling
	$(LINT) run ./...
	@.ci/spelling/check

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (20s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## run the benchmarks that match BENCH (all)
	$(GO) test -run='^$$' -bench='$(BENCH)' -benchmem ./...

.PHONY: e2e
e2e: ## run the end-to-end tests alone
	@.ci/install
	$(GO) test $(RACE) -shuffle=on -count=1 -timeout=$(TIMEOUT) ./internal/e2e

.PHONY: sim
sim: ## run SEEDS (2000) seeds of the simulation of the delivery engine
	$(GO) test -count=1 -timeout=60m -run=TestSeeds ./internal/sim -sim.seeds=$(SEEDS)

.PHONY: tidy
tidy: ## tidy both modules and format the code
	$(GO) mod tidy
	$(GO) -C internal/tools mod tidy
	$(LINT) fmt ./...
