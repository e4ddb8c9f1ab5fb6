//! The real binary: the client commands against the server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod apps;
mod apps_of_several_streams;
mod backup;
mod commands;
mod container;
mod descriptors;
mod encryption;
mod exit_codes;
mod idle_connections;
mod keys;
mod log_status;
mod multilang;
mod pipeline_files;
mod pipeline_place;
mod pipeline_poison;
mod pipeline_postgres;
mod pipeline_runs;
mod pipeline_windows;
mod records_get;
mod records_put;
mod records_tail;
mod repair;
mod scale;
mod scale_pipeline;
mod scale_together;
mod scripted_service;
mod serve;
mod storm_spout;
mod streams;
