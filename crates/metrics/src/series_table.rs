//! The names of all series.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::codec::{Malformed, Reader, Writer};
use crate::{Metric, Minute, Owner, Series, Unit};

/// A series, in blocks. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesId(pub(crate) u64);

/// What is known of a series beside its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: SeriesId,
    /// Of its newest sample.
    pub(crate) last: Minute,
    /// What it takes in blocks.
    pub(crate) stored_bytes: u64,
}

/// All series, in order of owner, namespace, name, dimensions, unit.
#[derive(Debug, Default, Clone)]
pub(crate) struct SeriesTable {
    rows: BTreeMap<Arc<Series>, Row>,
    names: BTreeMap<SeriesId, Arc<Series>>,
    names_bytes: usize,
    next_id: u64,
}

impl SeriesTable {
    pub(crate) fn get(&self, series: &Series) -> Option<&Row> {
        self.rows.get(series)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn names_bytes(&self) -> usize {
        self.names_bytes
    }

    /// The id of a series, which is there afterwards, with a sample of this minute.
    pub(crate) fn touch(&mut self, series: &Series, minute: Minute) -> SeriesId {
        if let Some(row) = self.rows.get_mut(series) {
            row.last = row.last.max(minute);
            return row.id;
        }
        let id = SeriesId(self.next_id);
        self.next_id += 1;
        let row = Row {
            id,
            last: minute,
            stored_bytes: 0,
        };
        self.add(series.clone(), row);
        id
    }

    /// Counts bytes of blocks that came to a series, or went.
    pub(crate) fn count_stored(&mut self, id: SeriesId, came: u64, went: u64) {
        let row = self
            .names
            .get(&id)
            .and_then(|series| self.rows.get_mut(series));
        // A series that is dropped has its last blocks behind it for a while.
        if let Some(row) = row {
            row.stored_bytes = (row.stored_bytes + came).saturating_sub(went);
        }
    }

    /// Forgets series without a sample since this minute.
    pub(crate) fn drop_before(&mut self, minute: Minute) {
        let Self {
            rows,
            names,
            names_bytes,
            ..
        } = self;
        rows.retain(|series, row| {
            let is_kept = row.last >= minute;
            if !is_kept {
                names.remove(&row.id);
                *names_bytes -= series.cost_bytes();
            }
            is_kept
        });
    }

    /// The metrics of an owner behind `after`, in order, each with the minute of its newest sample in any unit.
    pub(crate) fn metrics_of<'a>(
        &'a self,
        owner: &'a Owner,
        after: Option<&Metric>,
    ) -> impl Iterator<Item = (&'a Metric, Minute)> {
        let start = match after {
            None => Bound::Included(Series::first_of(owner)),
            // No unit of the metric itself comes behind this one.
            Some(after) => Bound::Excluded(Series {
                owner: owner.clone(),
                metric: after.clone(),
                unit: Unit::LAST,
            }),
        };
        let rows = self.rows.range::<Series, _>((start, Bound::Unbounded));
        let mut rows = rows
            .take_while(move |(series, _)| series.owner == *owner)
            .peekable();
        std::iter::from_fn(move || {
            let (series, row) = rows.next()?;
            let mut last = row.last;
            while let Some((_, row)) = rows.next_if(|(next, _)| next.metric == series.metric) {
                last = last.max(row.last);
            }
            Some((&series.metric, last))
        })
    }

    /// The series of a metric, one for each unit.
    pub(crate) fn units_of(
        &self,
        owner: &Owner,
        metric: &Metric,
    ) -> impl Iterator<Item = (Unit, SeriesId)> {
        let of = |unit| Series {
            owner: owner.clone(),
            metric: metric.clone(),
            unit,
        };
        let rows = self
            .rows
            .range::<Series, _>(of(Unit::NONE)..=of(Unit::LAST));
        rows.map(|(series, row)| (series.unit, row.id))
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.unsigned(self.next_id);
        out.length(self.rows.len());
        for (series, row) in &self.rows {
            series.write(out);
            out.unsigned(row.id.0);
            out.unsigned(row.last.0.into());
            out.unsigned(row.stored_bytes);
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut table = Self {
            next_id: from.unsigned()?,
            ..Self::default()
        };
        for _ in 0..from.length(usize::MAX)? {
            let series = Series::read(from)?;
            let row = Row {
                id: SeriesId(from.unsigned()?),
                last: Minute(u32::try_from(from.unsigned()?).map_err(|_| Malformed)?),
                stored_bytes: from.unsigned()?,
            };
            table.add(series, row);
        }
        Ok(table)
    }

    fn add(&mut self, series: Series, row: Row) {
        let series = Arc::new(series);
        self.names_bytes += series.cost_bytes();
        self.names.insert(row.id, Arc::clone(&series));
        self.rows.insert(series, row);
    }
}
