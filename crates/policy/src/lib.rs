//! Access policies: a subset of IAM's JSON.
//!
//! [`Policy`] reads one; [`Permissions`] are those of one caller; [`decide`] says whether a caller may do something.
//! What this crate does not know in a policy (`Condition`, `NotAction`, variables and so on) is an error where the
//! policy is read: an element that was ignored would allow or deny what its author did not mean.
//!
//! Deliberately absent: files, names of operations, who a caller is.

mod decide;
mod document;
mod one_or_many;
mod pattern;
mod permissions;
mod principal;

pub use decide::{Denial, Question, decide};
pub use document::{InvalidPolicy, Kind, POLICY_BYTES_MAX, Policy};
pub use permissions::Permissions;
