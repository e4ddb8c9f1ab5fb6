//! The stream service: the catalog of streams, and what can be done with them.
//!
//! [`StreamService`] has one method for each operation of the API; each lives in a file of its own under
//! `operations/` and fails with a [`Failure`]. The catalog is a crate of its own, a state machine that can be driven
//! without a service.
//!
//! * A control-plane call appends a command to the command log. One task follows that log and applies what is there,
//!   whoever wrote it; so several services can stand on one engine. Work that a command begins (logs to create, close
//!   or delete) is done by a life-cycle task, which resumes it after a crash.
//! * A put is routed, turned into one envelope per shard and submitted within the call; a get reads the log.
//! * A subscription reads the log like a get, and waits at its tail for the engine. It ends when its seat is taken away.
//!
//! Deliberately absent: HTTP, encodings, who a caller is.

mod asked;
mod call;
mod caller;
mod changing;
mod close_entry;
mod command_log;
mod continuation;
mod descriptions;
mod envelope;
mod failure;
mod hooks;
mod hot_keys;
mod life_cycle;
mod limits;
mod on_demand;
mod operations;
mod put;
mod read;
mod record_keys;
mod refusals;
mod retention;
mod rules;
mod service;
mod settings;
mod subscription;
mod subscriptions;
mod tasks;
mod tokens;
mod unverified_texts;
mod view;

pub use asked::Asked;
pub use caller::{AccessDenied, Caller, Identity, User};
pub use envelope::check_sealed;
pub use failure::Failure;
pub use hooks::{Admission, Asking, AskingRecord, AtShard, CallHooks, EventRoom, Quotas};
pub use limits::{AwsLimits, InvalidLimit, LimitOverride, LimitOverrides};
pub use read::{Behind, SkippedDamage};
pub use service::{OpenError, StreamService};
pub use settings::StreamSettings;
pub use subscription::{Lifetime, Subscription};
pub use tasks::Computing;
