//! Kinds of sinks that this program was built without.

use std::sync::Arc;

use super::{DeclaredSink, Kind};
use crate::file::reader::{Reader, Section};

/// See `iceberg.rs`.
pub(super) const ICEBERG: Kind = Kind {
    word: "iceberg",
    example: "iceberg = { url = \"https://...\", table = \"NAMESPACE.NAME\" }",
    read,
};

fn read(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    reader.problem(
        section.at(),
        "this program was built without Iceberg: build it with cargo build --release -p millstream-cli --features iceberg"
            .to_owned(),
    );
    None
}
