//! The stream service: the catalog of streams, and what can be done with them.
//!
//! [`StreamService`] has one method for each operation of the API; each lives in a file of its own under
//! `operations/`, with its own error. The catalog is a crate of its own, a state machine that can be driven without a service.
//!
//! * A control-plane call proposes a command, which one task appends to the command log and applies once it is
//!   durable. Work that a command begins (logs to create, close or delete) is done by a life-cycle task, which
//!   resumes it after a crash.
//! * A put is routed, turned into one envelope per shard and submitted within the call; a get reads the log.
//! * A subscription reads the log like a get, and waits at its tail for the engine. It ends when its seat is taken away.
//!
//! Deliberately absent: HTTP, encodings, who a caller is.

mod asked;
mod caller;
mod close_entry;
mod command_log;
mod continuation;
mod envelope;
mod life_cycle;
mod operations;
mod read_turns;
mod retention;
mod service;
mod settings;
mod subscriptions;
mod tasks;
mod tokens;
mod view;

pub use asked::Asked;
pub use caller::{AccessDenied, Caller, Identity, User};
pub use operations::*;
pub use service::{OpenError, StreamService};
pub use settings::{Limits, StreamSettings};
pub use tokens::UtcText;
