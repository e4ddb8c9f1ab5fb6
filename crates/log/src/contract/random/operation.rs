//! The operations that the random case draws from.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

/// Logs that a run works with; they are numbered from 0 and belong to group `log % GROUPS`.
pub(super) const LOGS: usize = 5;
/// Groups that a run works with.
pub(super) const GROUPS: usize = 2;

/// One entry of an append.
#[derive(Debug, Clone)]
pub(super) struct NewEntry {
    pub(super) log: usize,
    pub(super) is_close: bool,
    pub(super) length: usize,
    pub(super) id: Option<u8>,
}

/// One step of a run.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Create {
        log: usize,
    },
    Append {
        calls: Vec<Vec<NewEntry>>,
    },
    Read {
        log: usize,
        back: u64,
        bytes_max: usize,
    },
    Trim {
        log: usize,
        back: u64,
    },
    Delete {
        log: usize,
    },
    DeleteGroup {
        group: usize,
    },
    StepClock {
        ms: i64,
    },
    LookUpTimes {
        log: usize,
    },
    Reopen,
}

fn entry() -> impl Strategy<Value = NewEntry> {
    let length = prop_oneof![4 => 0..200usize, 1 => 0..20_000usize];
    let is_close = prop::bool::weighted(0.02);
    let entry = (0..LOGS, is_close, length, weighted(0.3, 0..8u8));
    entry.prop_map(|(log, is_close, length, id)| NewEntry {
        log,
        is_close,
        length,
        id,
    })
}

/// One operation; appends and reads are the most frequent.
pub(super) fn any(may_reopen: bool) -> impl Strategy<Value = Operation> {
    let reopen_weight = if may_reopen { 3 } else { 0 };
    prop_oneof![
        6 => (0..LOGS).prop_map(|log| Operation::Create { log }),
        // Calls of one operation are in flight at the same time.
        16 => vec(vec(entry(), 0..6), 1..5).prop_map(|calls| Operation::Append { calls }),
        8 => (0..LOGS, 0..30u64, 0..2000usize)
            .prop_map(|(log, back, bytes_max)| Operation::Read { log, back, bytes_max }),
        3 => (0..LOGS, 0..20u64).prop_map(|(log, back)| Operation::Trim { log, back }),
        1 => (0..LOGS).prop_map(|log| Operation::Delete { log }),
        1 => prop::bool::weighted(0.3).prop_flat_map(|is_group| {
            if is_group {
                (0..GROUPS).prop_map(|group| Operation::DeleteGroup { group }).boxed()
            } else {
                Just(Operation::StepClock { ms: 60_000 }).boxed()
            }
        }),
        3 => (-500..1000i64).prop_map(|ms| Operation::StepClock { ms }),
        2 => (0..LOGS).prop_map(|log| Operation::LookUpTimes { log }),
        reopen_weight => Just(Operation::Reopen),
    ]
}
