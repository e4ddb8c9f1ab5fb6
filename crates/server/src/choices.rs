//! Settings that are one word of several.

use serde::Deserialize;

/// What the server does once its log takes no more writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFailure {
    /// Goes on with reads, refuses writes, and says so in its health.
    Serve,
    /// Ends, so that whatever supervises it may start it again.
    Exit,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which limits on rates hold. Those on sizes and counts of a request always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Limits {
    /// None: only the process itself is protected.
    Off,
    /// Those that AWS documents.
    Aws,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// What becomes of a start that finds a file of tables missing or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DamagedTables {
    /// The server does not start.
    Refuse,
    /// The server starts, and answers requests for those tables with an error that names the file.
    LeaveOut,
}

/// What becomes of a read that meets records that are damaged on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DamagedRecords {
    /// It fails with InternalFailure, and the text says behind which sequence number a reader can go on.
    Fail,
    /// They are passed over, with a line in the log and a count.
    Skip,
}
