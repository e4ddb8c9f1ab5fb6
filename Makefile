# Everything a newcomer needs is `make run` and `make test`.

.PHONY: help run test compat bench soak fuzz doc fmt clean

help:       ## Show this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

run:        ## Build, start the server and run the stock-trades application on it
	@scripts/run

test:       ## Set up what the tests need, run them all, count them
	@scripts/test

compat:     ## Run a real Kubernetes API server, the sink iceberg and all programs of other people, twice: their table is in docs/compatibility.md
	@scripts/setup python && { scripts/setup kubernetes || true; } && compat/actuators/real_kubernetes.py
	@compat/iceberg
	@scripts/setup python node && { scripts/setup programs || true; } && compat/programs/run --all --times 2 --at-once 6 --write-table

bench:      ## Measure against a bare server of the same stack (wants a quiet machine)
	@scripts/bench

soak:       ## The long versions of the crash, kill and bad-input tests, an hour of all of it mixed, an hour of a console that tails
	@MILLSTREAM_CASES=$${MILLSTREAM_CASES:-5000} MILLSTREAM_SOAK_MINUTES=$${MILLSTREAM_SOAK_MINUTES:-60} \
	  MILLSTREAM_CONNECTOR_RECORDS=$${MILLSTREAM_CONNECTOR_RECORDS:-200000} scripts/test --soak

fuzz:       ## Run each fuzz target under libFuzzer for SECONDS_EACH (default 60); needs cargo-fuzz
	@cd fuzz/libfuzzer && for target in fuzz_targets/*.rs; do \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir . --sanitizer none $$(basename $$target .rs) -- \
	    -max_total_time=$${SECONDS_EACH:-60} -max_len=65536 || exit 1; done

doc:        ## Build the API documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

fmt:        ## Format the Rust code
	cargo fmt --all

clean:      ## Remove build output and the demo's data
	cargo clean; rm -rf data .build
