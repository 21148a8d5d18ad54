# Everything a developer types. `make run` and `make test` need nothing but Rust and Debian.

CARGO ?= cargo

.PHONY: run install deb test-deb picture test check mutants faults test-nodes soak bench bench-scale bench-plots lint fmt layers build setup generate

# A demo mailbox on 127.0.0.1:1110 and 127.0.0.1:1995; Ctrl-C ends it.
run: build
	@exec scripts/demo.sh

build: setup
	$(CARGO) build --release --locked

setup:
	@scripts/setup.sh

# Program, units, manual pages, completions and documentation below PREFIX; DESTDIR goes before all of it. Builds nothing, so
# that root needs no Rust: "make build" goes first.
PREFIX ?= /usr/local
install:
	@scripts/install.sh $(PREFIX)

# A package for this machine's architecture: target/pillarbox_VERSION_ARCHITECTURE.deb.
deb: build
	@scripts/deb.sh

# Installs, starts, upgrades, removes and purges the package in a fresh Debian, with systemd; needs root and debootstrap.
test-deb: deb
	@scripts/test-deb.sh

# The picture of the README, from a real session. A test compares them.
picture: build
	@scripts/picture.sh docs/session.svg

test:
	@scripts/setup.sh test
	$(CARGO) test --locked --no-fail-fast

# What a developer runs all the time: no root, no network, no other servers. Without the tables of thousands of values that shell and
# program must judge alike, which take a minute of their own.
check: layers
	$(CARGO) fmt --all --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	RUST_TEST_THREADS=8 $(CARGO) test --locked --lib --test core --test transcripts --test store_contract --test schema_shell --test protocol -- --skip postgres:: --skip nodes:: --skip agreement:: --skip hashes::

# Changes of the protocol core that no test notices. All of it takes a day of one core; MUTANTS takes options of cargo-mutants,
# for example MUTANTS='--shard 3/40' or MUTANTS='--file src/pop3/session.rs'.
mutants: setup
	@scripts/mutants.sh $(MUTANTS)

# Every fault of a disk that tests/faults knows: an hour and a half on two cores. `make test` tries a sample.
faults: setup
	PILLARBOX_FAULTS=all $(CARGO) test --release --locked --test faults -- --nocapture --test-threads 1

# Ten promotions of a standby under load, and more of what nodes do at once: `make test` does one. And Debian's Patroni with etcd, which
# `make test` does not try: PILLARBOX_NODES_PATRONI=5 does five rounds of it.
test-nodes:
	@scripts/setup.sh test
	PILLARBOX_NODES_ROUNDS=10 PILLARBOX_NODES_MESSAGES=20000 PILLARBOX_NODES_PATRONI=$${PILLARBOX_NODES_PATRONI:-1} \
		$(CARGO) test --release --locked --test nodes -- --nocapture --test-threads 1

# An hour of mixed load, or as many seconds as PILLARBOX_SOAK_SECONDS says.
soak: setup
	PILLARBOX_SOAK_SECONDS=$${PILLARBOX_SOAK_SECONDS:-3600} $(CARGO) test --release --locked --test soak -- --nocapture

# What a server costs, per operation.
bench: setup
	$(CARGO) bench --locked --bench server --bench reaper --bench doors --bench guessing

# Many sessions at once, 50,000 unless SCALE_SESSIONS says otherwise. It says which limits of the system are too low.
bench-scale: setup
	$(CARGO) bench --locked --bench scale

# The plots of docs/benchmarks.md, from docs/benchmarks/*.tsv.
bench-plots:
	@scripts/plots.py docs/benchmarks

lint: setup layers
	$(CARGO) clippy --all-targets --locked -- -D warnings

# Writes what tables of the program say into the schema and the documentation. A test compares them.
generate:
	PILLARBOX_GENERATE=1 $(CARGO) test --locked --quiet --lib generated

fmt:
	$(CARGO) fmt --all

layers:
	@scripts/layers.sh
