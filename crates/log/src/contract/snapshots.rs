//! The contract of [`SnapshotStore`].

use bytes::Bytes;

use crate::{Snapshot, SnapshotStore};

fn snapshot(offset: u64, state: &'static str) -> Snapshot {
    Snapshot {
        offset,
        state: Bytes::from_static(state.as_bytes()),
    }
}

async fn save(store: &dyn SnapshotStore, offset: u64, state: &'static str) {
    assert_eq!(store.save(snapshot(offset, state)).await, Ok(()));
}

/// A fresh store has none.
pub async fn a_fresh_store_is_empty(store: &dyn SnapshotStore) {
    assert_eq!(store.load().await, Ok(Vec::new()));
}

/// The two newest are kept, newest first.
pub async fn the_two_newest_are_kept(store: &dyn SnapshotStore) {
    save(store, 0, "nothing").await;
    assert_eq!(store.load().await, Ok(vec![snapshot(0, "nothing")]));
    save(store, 5, "five").await;
    let both = vec![snapshot(5, "five"), snapshot(0, "nothing")];
    assert_eq!(store.load().await, Ok(both));
    save(store, 9, "").await;
    let newest = vec![snapshot(9, ""), snapshot(5, "five")];
    assert_eq!(store.load().await, Ok(newest));
}

/// A snapshot that is not newer changes nothing.
pub async fn older_snapshots_change_nothing(store: &dyn SnapshotStore) {
    save(store, 5, "five").await;
    save(store, 7, "seven").await;
    for (offset, state) in [(7, "other"), (6, "six"), (0, "nothing")] {
        save(store, offset, state).await;
        let kept = vec![snapshot(7, "seven"), snapshot(5, "five")];
        assert_eq!(store.load().await, Ok(kept));
    }
}

/// A large state comes back whole.
pub async fn large_states_come_back_whole(store: &dyn SnapshotStore) {
    let state: Bytes = (0..3_000_001u32).map(|index| (index % 253) as u8).collect();
    let large = Snapshot { offset: 1, state };
    assert_eq!(store.save(large.clone()).await, Ok(()));
    assert!(store.load().await == Ok(vec![large]));
}
