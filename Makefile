# Guesthouse. The targets that people use: run, build, test, lint, bench, install, pictures, clean.

PREFIX  ?= /usr/local
DESTDIR ?=
GO      ?= go

BUILD   := $(CURDIR)/.build
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)
SOURCES := $(shell find app assets hypervisor ui vmconfig -name testdata -prune -o -type f -print 2>/dev/null)

# Without migrated_fynedo Fyne reports every call from a wrong goroutine: development and tests build so.
RELEASE_TAGS := migrated_fynedo,no_emoji

GOFUMPT  := mvdan.cc/gofumpt@v0.12.0
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

BENCH = $(GO) test -run '^$$' -bench '$(BENCH_ONLY)' -benchmem -vet=off -p 1 -exec "$(CURDIR)/packaging/testing/as-user"

# Test binaries run as an unprivileged user, two packages at a time: guests are emulated and want a processor each.
TESTS := $(GO) test -race -count=1 -vet=off -timeout 20m -p 2 -exec "$(CURDIR)/packaging/testing/as-user"

.PHONY: run build setup test check test-packages test-windows bench lint install pictures clean

run: setup build ## Build what changed and open the program; ARGS= are its arguments
	@$(BUILD)/guesthouse $(ARGS)

setup: ## Install what is missing to build and run
	@packaging/setup run

build: $(BUILD)/guesthouse ## Build the program as it is released

$(BUILD)/guesthouse: go.mod go.sum $(SOURCES)
	$(GO) build -tags $(RELEASE_TAGS) -ldflags '-s -w $(LDFLAGS)' -o $@ ./app

# The program under test tells where things are in its windows (ui/probe).
$(BUILD)/test/guesthouse: go.mod go.sum $(SOURCES)
	$(GO) build -tags probe,no_emoji -ldflags '$(LDFLAGS)' -o $@ ./app

test: ## Everything that CI checks
	@packaging/setup test
	$(MAKE) check
	$(MAKE) test-packages
	$(MAKE) test-windows

check: ## Format and vet
	@unformatted=$$($(GO) run $(GOFUMPT) -l app assets hypervisor ui vmconfig) || exit 1; \
	if [ -n "$$unformatted" ]; then \
		echo "not formatted; run: go run $(GOFUMPT) -w ."; echo "$$unformatted"; exit 1; \
	fi
	$(GO) vet ./...

# What imports what, for app/architecture_test.go: the unprivileged user cannot read the module cache.
$(BUILD)/packages.json: go.mod go.sum $(SOURCES)
	@mkdir -p $(@D)
	$(GO) list -deps -json=ImportPath,Imports,Deps,Standard ./... >$@.part && mv $@.part $@

test-packages: $(BUILD)/packages.json ## All tests but those of the windows of the running program
	GUESTHOUSE_PACKAGES=$(BUILD)/packages.json $(TESTS) $$($(GO) list ./... | grep -v /ui/e2e)

test-windows: $(BUILD)/test/guesthouse ## The real program under a virtual screen
	GUESTHOUSE_PROGRAM=$(BUILD)/test/guesthouse $(TESTS) ./ui/e2e/...

# The windows' benchmarks compare the released program with others, one after the other, several times each. BENCH_ONLY is
# a regular expression of benchmarks: make bench BENCH_ONLY=BenchmarkKeyToPixel. BENCH_TIMES is how often they run.
BENCH_ONLY  ?= .
BENCH_TIMES ?= 3x
bench: build $(BUILD)/bench/guesthouse ## Speed against peers in the same run, and the bars that must be met
	@packaging/setup bench
	@rm -f $(BUILD)/bench.txt
	@test -x $(BUILD)/bench/decperf || packaging/testing/decoders $(BUILD)/bench
	GUESTHOUSE_DECPERF=$(BUILD)/bench/decperf GUESTHOUSE_LIBVNCCLIENT=$(BUILD)/bench/libvncclient \
		$(BENCH) -timeout 1h $$($(GO) list ./... | grep -v /ui/e2e) >$(BUILD)/bench.txt || { cat $(BUILD)/bench.txt; exit 1; }
	@cat $(BUILD)/bench.txt
	GUESTHOUSE_PROGRAM=$(BUILD)/guesthouse GUESTHOUSE_PROBED_PROGRAM=$(BUILD)/bench/guesthouse \
		$(BENCH) -benchtime $(BENCH_TIMES) -timeout 2h ./ui/e2e >$(BUILD)/bench-windows.txt || { cat $(BUILD)/bench-windows.txt; exit 1; }
	@cat $(BUILD)/bench-windows.txt
	@packaging/testing/bars $(BUILD)/bench.txt $(BUILD)/bench-windows.txt

# As released, but it tells where things are in its windows.
$(BUILD)/bench/guesthouse: go.mod go.sum $(SOURCES)
	$(GO) build -tags $(RELEASE_TAGS),probe -ldflags '-s -w $(LDFLAGS)' -o $@ ./app

lint: ## The linters of .golangci.yml; the first run builds golangci-lint, which takes minutes
	@if command -v golangci-lint >/dev/null; then golangci-lint run ./...; else $(GO) run $(GOLANGCI) run ./...; fi

install: build ## Install program, desktop entry, icons and manual pages below DESTDIR/PREFIX
	packaging/install-files '$(BUILD)/guesthouse' '$(DESTDIR)$(PREFIX)'

pictures: $(BUILD)/test/guesthouse ## Draw the pictures of README.md from the running program
	@packaging/setup test
	GUESTHOUSE_PROGRAM=$(BUILD)/test/guesthouse packaging/testing/pictures assets/pictures

clean: ## Remove what was built
	rm -rf $(BUILD)
