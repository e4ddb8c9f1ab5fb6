//! The server: one port for everything that applications of Kinesis speak.
//!
//! [`Settings`] say what to run, [`Server`] runs it. A request comes in through `http` (connections, deadlines,
//! bounds), is checked and routed by `edge`, and goes to the service that claims it:
//! `kinesis` (the stream service), `tables` (where the KCL keeps its leases), `cloudwatch` (metrics), `sts` (who calls), or `absent`, which says
//! what is not here. A browser that asks for a page gets `console`. A handler decodes, calls and encodes; it holds no rule of the service.
//!
//! Deliberately absent: what a stream is (`millstream-streams`), what a table is (`millstream-tables`), what a body looks
//! like (`millstream-wire`).

mod absent;
mod access_keys;
mod audit;
mod backup;
mod choices;
mod cloudwatch;
mod console;
mod data_folder;
mod edge;
mod engines;
mod http;
mod kinesis;
mod master_key;
mod metrics;
mod process;
mod restore;
mod server;
mod services;
mod settings;
#[cfg(test)]
mod simulation;
mod sts;
mod tables;
mod tls;

pub use access_keys::{
    CreatedKey, InvalidKeys, KeyEditError, ListedKey, NewKey, create_key, list_keys, revoke_key,
};
pub use backup::{AskError, BackupError, Made, ask_for_backup};
pub use choices::{DamagedRecords, DamagedTables, Limits, LogFailure, LogFormat, Switch};
pub use data_folder::{DataFolder, DataFolderError};
pub use engines::{Durability, EngineKind, EngineOpenError, LocalEngineSettings};
pub use master_key::{KeysError, MasterKeyError, MasterKeySettings, MasterKeySource};
pub use millstream_log_local::IdleBell;
pub use millstream_tables::TableSettings;
pub use process::{log_to_standard_error, raise_open_files_limit};
pub use restore::{Restored, restore};
pub use server::{Ended, OpenError, Reloading, Server, bind};
pub use settings::{HttpSettings, InvalidSettings, Settings, SettingsSource, TlsSettings};
pub use tls::{TlsError, self_signed_certificate};
