//! Tables: the DynamoDB API where applications of the KCL keep their leases.
//!
//! [`TableService`] takes the bytes of a request from a [`TableCaller`] and answers with bytes. On the way a request
//! becomes one value (`request`): what policies are asked about, what the tables get and what is told to have been
//! touched. Behind it `embedded` keeps the tables of each account and region in a SQLite file of their own, through an
//! embeddable DynamoDB; where that differs from DynamoDB, `database` puts request or answer right around it. `files` knows
//! which files must be there and whether they are as they were left; [`SalvagedTables`] is the same for a folder on which
//! no server runs.
//!
//! Deliberately absent: HTTP, who a caller is (its signature was verified before), the words of an audit log.

mod answer;
mod attribute_names;
mod caller;
mod database;
mod decode;
mod embedded;
mod expressions;
mod files;
mod in_place;
mod journal;
mod legacy_conditions;
mod names;
mod operation;
mod owner;
mod request;
mod service;
mod settings;
mod store;

pub use answer::TableAnswer;
pub use caller::{TableCaller, TableUser};
pub use files::{SalvagedTables, TablesCopyError, TablesOpenError};
pub use operation::TableOperation;
pub use request::Touched;
pub use service::{Called, TableService};
pub use settings::TableSettings;
