//! Declared pipelines: records of a stream are decoded, pass through steps in jq, are counted in windows or not, and go
//! to sinks; a file of twenty lines says so.
//!
//! ```
//! use millstream_pipeline::Pipeline;
//!
//! let pipeline = Pipeline::parse(r#"
//!     name = "trades"
//!     [source]
//!     stream = "StockTradeStream"
//!     [[step]]
//!     filter = ".quantity > 0"
//!     [window]
//!     every = "1m"
//!     by = ".tickerSymbol"
//!     values = { trades = "count", shares = "sum .quantity" }
//!     [[sink]]
//!     stdout = {}
//! "#)?;
//! assert_eq!(pipeline.intermediate_stream(), "trades-windows");
//!
//! // Every mistake at once, with its place and what would be right.
//! let mistakes = Pipeline::parse("name = \"trades\"\n[source]\nsteram = \"S\"\n").unwrap_err().0;
//! assert!(mistakes.iter().any(|one| one.to_string() == "3:1: source.steram is not known: did you mean stream?"));
//! # Ok::<(), millstream_pipeline::InvalidFile>(())
//! ```
//!
//! # What is promised
//! * **Every record counts once in a window**, whatever came twice and whoever died: see [`window`].
//! * **A record that cannot be processed is rejected**, to the dead-letter stream with its cause, or the pipeline stops,
//!   as declared. Nothing is left out in silence.
//! * **A program ends.** Steps, nested calls, values and results of one record are bounded: see [`jq`].
//!
//! # What is not promised
//! A step that depends on more than its record: records come again after a crash, and are recognised only if they come
//! out alike. So `now`, `env` and the like are not in the language.
//!
//! Everything but the workers, and the programs of `exec`, is free of I/O. To read the code, start with `file.rs`, then
//! `transform.rs` and `window.rs`.
//!
//! # How a sink is added
//! 1. `millstream-connectors`: a module under `sinks` behind a feature of its name, with what delivers
//!    ([`Sink`](millstream_connectors::Sink)) and what opens that for each shard
//!    ([`Opener`](millstream_connectors::Opener)); its tests; one line in `sinks.rs`.
//! 2. Here: a module under `file/sinks` that reads its table and implements [`DeclaredSink`]; one line in `KINDS`. The
//!    commands, the drawing, status, metrics and delivery know it by that.
//! 3. `docs/connectors/NAME.md`, and its row in `docs/pipelines.md`.

mod clients;
pub mod decode;
pub mod drawing;
pub mod evaluator;
mod file;
pub mod jq;
pub mod names;
pub mod runner;
pub mod step;
mod transform;
pub mod trial;
pub mod value;
pub mod window;

pub use file::{
    DeclaredSink, Flush, InvalidFile, Memory, Pipeline, Problem, SinkSpec, Source, Start,
};
pub use millstream_connectors::moment;
pub use transform::{Rejection, StepBroken, Transform, Transformed};
