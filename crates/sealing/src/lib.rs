//! Encryption at rest.
//!
//! A [`MasterKey`] stays outside of the data folder. Under it a [`KeyRing`] keeps data keys, in one small file: one for
//! what the service itself stores (commands, metrics, snapshots), and one for each stream and epoch. [`DataKey`] seals and
//! opens bytes with AES-256-GCM; [`SealedLogs`] and [`SealedSnapshots`] stand between the service and an engine and do so
//! for the service's own logs. Records are sealed by whoever knows their form.
//!
//! Deliberately absent: key services of other people's making (a command may print the master key), and the tables.

mod data_key;
mod key_file;
mod key_ring;
mod master_key;
mod sealed_bytes;
mod sealed_logs;
mod sealed_snapshots;

pub use data_key::{DataKey, NotOpened, SEALED_EXTRA_BYTES};
pub use key_ring::{KeyRing, KeyRingError};
pub use master_key::{InvalidMasterKey, MasterKey};
pub use sealed_bytes::{holds_sealed, is_sealed, open_own};
pub use sealed_logs::SealedLogs;
pub use sealed_snapshots::{SealedSnapshots, open_snapshot, seal_snapshot};
