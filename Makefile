# What people and CI run. Each target sets up what it needs on Debian or Ubuntu, and says what it
# installs.
SHELL := /bin/sh
.DEFAULT_GOAL := help

TOOLS := target/tools
# What the targets below install stands before what the machine has.
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)

# `--workspace` chooses the features that the tests have, so that a build for the demo, one for the
# tests and one for the benchmarks share every dependency; `--bin` compiles what the program needs
# and nothing else.
BUILD := cargo build --release --locked --workspace --bin gristmill

# The tests mostly wait, for servers and for hosts: more at once than there are cores. Not by
# cargo-nextest: it gives each test a process of its own, and so a broker of its own, where the
# tests of one binary share one.
TEST := RUST_TEST_THREADS=4 cargo test --release --locked --workspace
SOAK_SECONDS ?= 120
SOAK_HISTORIES ?= 1000000
SOAK_LIVES ?= 20000
SOAK_MIRRORS ?= 50
SOAK_ORACLE_ROWS ?= 10000

WASM := wasm32-unknown-unknown
# Whether the target's standard library is installed beside the compiler.
WASM_LIBS := $$(rustc --print target-libdir --target $(WASM) 2>/dev/null)
HAS_WASM := ls "$(WASM_LIBS)"/libstd-*.rlib >/dev/null 2>&1
KAFKA_LIBS := target/kafka-libs
# One file of the version in tests/kafka/pom.xml stands for all jars.
KAFKA_JAR := $(KAFKA_LIBS)/kafka_2.13-4.1.0.jar
DEBEZIUM_LIBS := target/debezium-libs
REGISTRY_LIBS := target/registry-libs
CONVERTER_LIBS := target/registry-converters
# The same for tests/debezium/pom.xml.
DEBEZIUM_JAR := $(DEBEZIUM_LIBS)/debezium-connector-postgres-3.6.1.Final.jar
# The same for tests/registry/pom.xml.
REGISTRY_JAR := $(REGISTRY_LIBS)/apicurio-registry-app-2.6.13.Final-runner.jar
# The oldest and the newest PostgreSQL that people use.
POSTGRES_BINS := target/postgres/14.18.0/bin target/postgres/18.4.0/bin

# $(call need,CONDITION,PACKAGES,WHY): installs Debian packages unless the condition holds.
define need
@if ! { $(1); } >/dev/null 2>&1; then \
	missing="setup: missing: $(2) ($(3))"; \
	if ! command -v apt-get >/dev/null; then \
		echo "$$missing; there is no apt-get here: install the like with your package" \
			"manager, then run make again" >&2; \
		exit 1; \
	fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then \
		as_root=sudo; \
	else echo "$$missing: run as root: apt-get install $(2)" >&2; exit 1; fi; \
	echo "setup: installing $(2) ($(3))"; \
	install="$$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $(2)"; \
	log=$$(mktemp); \
	{ $$install || { $$as_root apt-get update -qq && $$install; }; } >"$$log" 2>&1 </dev/null || \
		{ cat "$$log" >&2; exit 1; }; \
	rm -f "$$log"; \
fi
endef

# $(call tool,NAME,COMMAND): runs a command of `make check` that needs a tool.
define tool
@if command -v $(1) >/dev/null; then echo "$(2)"; $(2); \
else echo "check: $(1) cannot be had here, so what it checks is not checked"; fi
endef

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## build, then run the main job on the sample data; ARGS=--keep leaves it up
	@[ -e target/release/gristmill ] || echo "demo: compiling gristmill and all that it is made" \
		"of: 7 minutes on two cores, this once"
	@$(BUILD)
	@target/release/gristmill demo $(ARGS)

.PHONY: build
build: setup-build ## build target/release/gristmill
	$(BUILD)

.PHONY: test
test: setup setup-kafka setup-debezium setup-registry
test: setup-languages ## run every test, on a real Kafka and a real PostgreSQL
	$(TEST) --no-fail-fast

.PHONY: soak
soak: setup setup-kafka setup-debezium setup-registry
soak: $(POSTGRES_BINS) ## a million histories, long swaps, PostgreSQL 14 and 18
	GRISTMILL_HISTORIES=$(SOAK_HISTORIES) $(TEST) --test postgres histories::
	GRISTMILL_LIVES=$(SOAK_LIVES) $(TEST) --test postgres lives::a_table
	GRISTMILL_SOAK_SECONDS=$(SOAK_SECONDS) $(TEST) --test fleet soak::
	GRISTMILL_MIRRORS=$(SOAK_MIRRORS) $(TEST) --test whole mirror::live
	GRISTMILL_ORACLE_ROWS=$(SOAK_ORACLE_ROWS) $(TEST) --test oracle
	for bin in $(POSTGRES_BINS); do \
		export GRISTMILL_POSTGRES_BIN=$(CURDIR)/$$bin; \
		{ $(TEST) --no-fail-fast --test postgres && \
			$(TEST) --test whole -- chaos:: silence:: cases::; } || exit 1; \
	done

.PHONY: check
check: setup-build setup-tools tidy ## what CI demands of sources, manifests and documents
	cargo fmt --all --check
	$(call tool,typos,typos)
	$(call tool,cargo-shear,cargo shear --locked --deny-warnings)
	$(call tool,cargo-deny,cargo deny --log-level error check licenses bans sources)
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

.PHONY: tidy
tidy: setup-rust ## what no linter knows: line length, one-way imports, names, reasons
	cargo test --quiet --release --locked --package gristmill-tidy

.PHONY: fmt
fmt: ## format the sources
	cargo fmt --all

.PHONY: reference
reference: setup-build ## write docs/reference again, from the program, the components and the SQL
	GRISTMILL_WRITE=1 cargo test --release --locked --workspace --test whole reference::

# Coverage counters and the address sanitizer, as cargo-fuzz sets them.
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
	-Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares \
	-Zsanitizer=address -Ccodegen-units=1 --cfg fuzzing
FUZZ_HOST := $$(rustc -vV | sed -n 's/^host: //p')

.PHONY: fuzz
fuzz: ## run each fuzz target for a minute; needs a nightly compiler
	cd fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" cargo +nightly build --release --target $(FUZZ_HOST)
	cd fuzz && for target in decode avro paths answers configs; do \
		mkdir -p corpus/$$target && \
		target/$(FUZZ_HOST)/release/$$target corpus/$$target -timeout=10 -max_total_time=60 \
			|| exit 1; \
	done

.PHONY: bench
bench: setup setup-kafka ## measure gristmill, its rivals and its parts; ARGS=--quick takes minutes
	cargo build --release --locked --workspace --bins
	target/release/gristmill-bench $(ARGS)
	cargo bench --locked --workspace --benches

.PHONY: guests
guests: setup-build ## build the shipped transforms alone, as core modules under target/guests
	@if $(HAS_WASM); then from_source=; else \
		export RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc \
			PATH="$$(rustc --print target-libdir)/../bin:$$PATH"; \
		from_source=-Zbuild-std=std,panic_abort; \
	fi; \
	cargo build $$from_source --release --locked --target $(WASM) --target-dir target/guests \
		$(patsubst guest-transforms/rules/%/Cargo.toml,-p %,\
			$(wildcard guest-transforms/rules/*/Cargo.toml))

.PHONY: setup
setup: setup-build setup-postgres ## install what building and running the demo need

.PHONY: setup-all
setup-all: setup setup-kafka setup-debezium setup-registry
setup-all: setup-languages setup-tools ## install what all targets need

.PHONY: setup-build
setup-build: setup-rust ## install what compiling needs
	$(call need,command -v cc && command -v c++,gcc g++ libc6-dev,compile librdkafka and zstd)
	$(call need,pkg-config --exists openssl,pkg-config libssl-dev,librdkafka links OpenSSL)

# The compiler of rust-toolchain.toml, and the transforms' target for it.
.PHONY: setup-rust
setup-rust:
	@command -v cargo >/dev/null || { \
		echo "setup: missing: a Rust toolchain; see https://rustup.rs" >&2; exit 1; }
	@cargo --version >/dev/null 2>&1 || { \
		echo "setup: rustup toolchain install (what rust-toolchain.toml names)"; \
		rustup -q toolchain install; }
	@$(HAS_WASM) || { command -v rustup >/dev/null && { \
		echo "setup: rustup target add $(WASM) (the transforms' target)"; \
		rustup -q target add $(WASM); }; } || true
	$(call need,$(HAS_WASM) || [ -e /usr/lib/rustlib/src/rust/library/std/Cargo.toml ],\
		rustc-web rust-web-src,build the target $(WASM) from source)

.PHONY: setup-postgres
setup-postgres: ## install PostgreSQL; only its programs are used, with private data folders
	$(call need,ls /usr/lib/postgresql/*/bin/initdb || command -v initdb,\
		postgresql,the demo and the tests start private servers)

# What $(1) runs on, from the pom that the target stands on, into the folder $(2).
define fetch-jars
	$(call need,command -v java,default-jre-headless,runs $(1))
	$(call need,command -v mvn,maven,fetches $(1)'s jars)
	@echo "setup: fetching $(1)'s jars into $(2)"
	@rm -rf $(2)
	@mvn -q -B -Dstyle.color=never -f $< dependency:copy-dependencies \
		-DoutputDirectory="$(CURDIR)/$(2)"
	@touch $@
endef

.PHONY: setup-kafka
setup-kafka: $(KAFKA_JAR) ## install Java and fetch Kafka's jars for the tests
	$(call need,command -v java,default-jre-headless,runs Kafka)

$(KAFKA_JAR): tests/kafka/pom.xml
	$(call fetch-jars,Kafka,$(KAFKA_LIBS))

.PHONY: setup-debezium
setup-debezium: $(DEBEZIUM_JAR) ## fetch Debezium's and Kafka Connect's jars for the tests
	$(call need,command -v java,default-jre-headless,runs Debezium)
	$(call need,command -v gzip,gzip,reads captured streams)

$(DEBEZIUM_JAR): tests/debezium/pom.xml
	$(call fetch-jars,Debezium,$(DEBEZIUM_LIBS))

# The registry is one archive of jars; the converters are what Kafka Connect needs beside it.
.PHONY: setup-registry
setup-registry: $(REGISTRY_JAR) ## fetch a schema registry's jars, and Connect's converters
	$(call need,command -v curl,curl,registers schemas)

$(REGISTRY_JAR): tests/registry/pom.xml
	$(call need,command -v java,default-jre-headless,runs the schema registry)
	$(call need,command -v mvn,maven,fetches the schema registry)
	@echo "setup: fetching a schema registry into $(REGISTRY_LIBS)"
	@rm -rf $(REGISTRY_LIBS) $(CONVERTER_LIBS)
	@mvn -q -B -Dstyle.color=never -f $< dependency:copy-dependencies \
		-DincludeTypes=tar.gz -DoutputDirectory="$(CURDIR)/$(REGISTRY_LIBS)"
	@mvn -q -B -Dstyle.color=never -f $< dependency:copy-dependencies \
		-DexcludeTypes=tar.gz -DoutputDirectory="$(CURDIR)/$(CONVERTER_LIBS)"
	@cd $(REGISTRY_LIBS) && tar -xzf ./*.tar.gz && rm ./*.tar.gz
	@touch $@

target/postgres/%/bin: tests/postgres/pom.xml
	$(call need,command -v mvn,maven,fetches PostgreSQL)
	$(call need,command -v unzip && command -v xz,unzip xz-utils,unpacks PostgreSQL)
	@echo "setup: fetching PostgreSQL $* into target/postgres"
	@rm -rf target/postgres/$*
	@mkdir -p target/postgres/$*
	@mvn -q -B -Dstyle.color=never -f tests/postgres/pom.xml -Dpostgres=$* \
		dependency:copy-dependencies -DoutputDirectory="$(CURDIR)/target/postgres/$*"
	@cd target/postgres/$* && unzip -q ./*.jar && tar -xJf ./*.txz && rm ./*.jar ./*.txz
	@touch $@

# The compilers themselves come from PyPI and npm, by the tests, into the guests' target folder.
.PHONY: setup-languages
setup-languages: ## install what builds rules in Python, C and JavaScript for the tests
	$(call need,python3 -m ensurepip --version,python3-venv,builds rules in Python and C)
	$(call need,command -v npm,nodejs npm,builds rules in JavaScript)

.PHONY: setup-tools
setup-tools: $(TOOLS)/installed ## install the tools of make check into target/tools

# Without pip, or without the packages for this machine, `make check` says what it leaves out.
$(TOOLS)/installed: .ci/tools.txt
	@rm -rf $(TOOLS)
	@echo "setup: installing the tools that .ci/tools.txt names into $(TOOLS)"
	@if python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
		--no-deps --require-hashes --target $(TOOLS) --requirement .ci/tools.txt; \
	then touch $@; else echo "setup: they cannot be had here"; fi

.PHONY: clean
clean: ## remove everything built
	cargo clean
