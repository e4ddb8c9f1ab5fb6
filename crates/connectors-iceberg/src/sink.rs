//! The cuts of one shard.

use std::sync::Arc;

use millstream_connectors::{Cut, Item, Json, Outcome, Sink, SinkError, SinkFuture};

use crate::columns::Columns;
use crate::commits::{Append, Commits, Seen};
use crate::files::{self, Files};
use crate::position::{Position, Standing};

/// Collects the rows of a cut, and adds them to the table.
#[derive(Debug)]
pub(crate) struct IcebergSink {
    commits: Arc<Commits>,
    shard_id: String,
    /// What the rows in hand were checked against; one for each cut.
    columns: Option<Arc<Columns>>,
    rows: Vec<Json>,
    bytes: usize,
    /// Of the last row in hand.
    last: Option<Item>,
    /// Of the cut that is being flushed.
    files: Option<Files>,
    /// A predecessor may have committed what comes first.
    is_new: bool,
}

impl IcebergSink {
    pub(crate) fn new(commits: Arc<Commits>, shard_id: &str) -> Self {
        Self {
            commits,
            shard_id: shard_id.to_owned(),
            columns: None,
            rows: Vec::new(),
            bytes: 0,
            last: None,
            files: None,
            is_new: true,
        }
    }

    fn take(&mut self, columns: &Columns, item: &Item) -> Outcome {
        match columns.refusal(&item.value) {
            Some(why) => Outcome::Rejected(why),
            None => {
                self.rows.push(item.value.clone());
                self.bytes += item.bytes;
                self.last = Some(item.clone());
                Outcome::Delivered
            }
        }
    }

    async fn add(&mut self, cut: &Cut, last: &Item) -> Result<(), SinkError> {
        let position = Position::of(cut, last, self.rows.len());
        let position = position
            .ok_or_else(|| SinkError::new(format!("{} is no place in a shard", cut.first)))?;
        let seen = match self.is_new {
            true => self.commits.fresh().await?,
            false => self.commits.seen().await?,
        };
        let standing = self.commits.standing(&seen, &self.shard_id, &position)?;
        if standing == Standing::Present {
            return Ok(());
        }
        let files = self.put(seen, cut).await?;
        let append = Append {
            shard_id: self.shard_id.clone(),
            position,
            files,
        };
        self.commits.append(append).await
    }

    /// The files of the rows, put once, unless the table was partitioned anew since.
    async fn put(&mut self, seen: Seen, cut: &Cut) -> Result<Files, SinkError> {
        let spec_id = seen.table.metadata().default_partition_spec_id();
        if let Some(files) = &self.files
            && files.partition_spec_id == spec_id
        {
            return Ok(files.clone());
        }
        let columns = self.columns.clone().unwrap_or(seen.columns);
        let name = format!("{}-{}", self.shard_id, cut.first);
        let files = files::put(seen.table, columns, self.rows.clone(), name).await?;
        self.files = Some(files.clone());
        Ok(files)
    }
}

impl Sink for IcebergSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        Box::pin(async move {
            let columns = match &self.columns {
                Some(columns) => Arc::clone(columns),
                None => self.commits.seen().await?.columns,
            };
            self.columns = Some(Arc::clone(&columns));
            Ok(items.iter().map(|item| self.take(&columns, item)).collect())
        })
    }

    fn unflushed_bytes(&self) -> usize {
        self.bytes
    }

    fn flush<'a>(&'a mut self, cut: &'a Cut) -> SinkFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            if let Some(last) = self.last.clone() {
                self.add(cut, &last).await?;
            }
            self.columns = None;
            self.rows.clear();
            self.bytes = 0;
            self.last = None;
            self.files = None;
            self.is_new = false;
            Ok(())
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
