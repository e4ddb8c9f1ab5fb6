//! How much a test's thread made the catalog do: shards that were copied, or read out of their compact form.

use std::cell::Cell;

thread_local! {
    static SHARDS: Cell<usize> = const { Cell::new(0) };
}

pub(crate) fn count(shards: usize) {
    SHARDS.set(SHARDS.get() + shards);
}

/// What was counted since the last call.
pub(crate) fn taken() -> usize {
    SHARDS.replace(0)
}
