//! From a socket to a request with a whole body, and back: connections, deadlines, bounds. Knows nothing of AWS.

mod answer_body;
mod budget;
mod complaints;
mod connection;
mod guard;
mod gzip;
mod handler;
mod held;
mod listener;
mod multiplexed;
mod request_body;
mod slots;
mod timed_io;

pub(crate) use answer_body::AnswerBody;
pub(crate) use budget::{ByteBudget, Holder, Reservation};
pub(crate) use connection::Connection;
pub(crate) use guard::{Guard, Verdict};
pub(crate) use gzip::{InflateError, Inflated, inflate};
pub(crate) use handler::{Handler, Unanswerable};
pub(crate) use held::hold;
pub(crate) use listener::{Listening, Shared, Stopping};
pub(crate) use request_body::{BodyError, RequestBody, read_body};
pub(crate) use slots::Slots;
