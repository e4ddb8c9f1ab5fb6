//! Everything that is not in the journal after it, or in blocks: the names of the series, and where the blocks are.
//!
//! A checkpoint covers every entry of the journal before it. `series | blocks of minutes | blocks of five minutes`.

use crate::codec::{Malformed, Reader, Writer};
use crate::series_table::SeriesTable;
use crate::tier::Tier;

/// What a store knows besides its newest samples.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkpoint {
    pub(crate) table: SeriesTable,
    pub(crate) minutes: Tier,
    pub(crate) fives: Tier,
}

impl Checkpoint {
    pub(crate) fn write(&self, out: &mut Writer) {
        self.table.write(out);
        self.minutes.write(out);
        self.fives.write(out);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            table: SeriesTable::read(from)?,
            minutes: Tier::read(from)?,
            fives: Tier::read(from)?,
        })
    }
}
