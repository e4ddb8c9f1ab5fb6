//! The server over real sockets: good clients, bad clients, and both at once.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test's own helpers is a failed test"
)]

mod access;
mod accounts;
mod arns;
mod asked_about;
mod audit;
mod bad_input;
mod bounds;
mod client;
mod console;
mod events;
mod every_operation;
mod fan_out;
mod hostile_clients;
mod http2;
mod kinesis;
mod limits;
mod metrics;
mod neighbours;
mod old_folder;
mod order;
mod random_input;
mod shutdown;
mod signed;
mod stream_operations;
mod table_calls;
mod test_server;
mod tls;
