//! Limits of a run: steps, nested calls and bytes, counted where a program can spend without end.
//!
//! A program runs for ever only by calling a definition again and again, by `range`, or by making many outputs of few
//! (`.[]`, `..`, `,`): each of these passes a check. Everything else costs what the values cost that it works on. So
//! every way to make a larger value of smaller ones is charged with what it adds, counted as a tree however much is
//! shared: then no value is larger than the input and the budget together; and every native is charged with what it
//! reads and makes ([`rewriting`] puts the checks in, [`costs`] says how much). A check that fails halts the program,
//! which the program cannot catch.

use std::cell::Cell;

use jaq_core::Exn;
use jaq_json::Val;

mod costs;
mod natives;
mod rewriting;

pub(super) use natives::natives;
pub(super) use rewriting::{definition, definitions, term};

/// How much of the thread's stack nested calls may use.
pub const STACK_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a program may spend on one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls of definitions and numbers of ranges. Default 1,000,000.
    pub steps_max: u64,
    /// Bytes of values that are made, joined, repeated, compared, sorted, searched or written as text. Default 64 MiB.
    pub value_bytes_max: u64,
    /// Results. Default 10,000.
    pub results_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps_max: 1_000_000,
            value_bytes_max: 64 * 1024 * 1024,
            results_max: 10_000,
        }
    }
}

/// What ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    Steps,
    Depth,
    Memory,
}

#[derive(Clone, Copy)]
struct Budget {
    steps: u64,
    bytes: u64,
    stack_base: usize,
    spent: Option<Spent>,
}

thread_local! {
    static BUDGET: Cell<Budget> = const {
        Cell::new(Budget { steps: 0, bytes: 0, stack_base: 0, spent: None })
    };
}

/// A check's answer: go on, or the program is halted.
type Checked = Result<(), Exn<'static, Val>>;

/// Starts a run on this thread.
pub(super) fn begin(limits: &Limits) {
    BUDGET.set(Budget {
        steps: limits.steps_max,
        bytes: limits.value_bytes_max,
        stack_base: stack_address(),
        spent: None,
    });
}

/// How many bytes the run on this thread has made, and spent on what it did not keep.
pub(super) fn bytes_spent(limits: &Limits) -> u64 {
    let budget = BUDGET.get();
    match budget.spent {
        None => limits.value_bytes_max - budget.bytes,
        Some(_) => 0,
    }
}

/// What ran out in the run on this thread.
pub(super) fn spent() -> Option<Spent> {
    BUDGET.get().spent
}

/// Where the stack of this thread has grown to.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}

fn spend(what: impl FnOnce(&mut Budget) -> Option<Spent>) -> Checked {
    let mut budget = BUDGET.get();
    if budget.spent.is_none() {
        budget.spent = what(&mut budget);
        BUDGET.set(budget);
    }
    match budget.spent {
        None => Ok(()),
        Some(_) => Err(Exn::halt(1)),
    }
}

fn step() -> Checked {
    let here = stack_address();
    spend(|budget| {
        let Some(left) = budget.steps.checked_sub(1) else {
            return Some(Spent::Steps);
        };
        budget.steps = left;
        (budget.stack_base.abs_diff(here) > STACK_BYTES_MAX).then_some(Spent::Depth)
    })
}

/// Takes so many bytes as the count says; nothing if it says that they are more than are left.
fn bytes(count: impl FnOnce(u64) -> Option<u64>) -> Checked {
    spend(
        |budget| match count(budget.bytes).and_then(|taken| budget.bytes.checked_sub(taken)) {
            Some(left) => {
                budget.bytes = left;
                None
            }
            None => Some(Spent::Memory),
        },
    )
}

fn too_deep() -> Checked {
    spend(|_| Some(Spent::Depth))
}
