//! `s3`: objects in a bucket, one for each cut of a shard and each name that the prefix makes of its items. Exactly once.
//!
//! A cut has one content, so each of its objects has one name and one content: the prefix, the shard and the sequence
//! number of the cut's first record. An object is put only if there is none of its name (`If-None-Match: *`); one that is
//! there is the same, delivered before. If it is not, somebody else writes here, and the sink fails.

mod client;
mod prefix;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

pub use client::{Access, InvalidAccess};
pub use prefix::{InvalidPrefix, Prefix};

use crate::format::{Contents, Format};
use crate::{
    Cut, FieldPath, Guarantee, Item, Opener, OtherContents, Outcome, Sink, SinkError, SinkFuture,
    moment,
};

/// Objects that are on their way at a time, of one shard.
const PUTS_MAX: usize = 4;

/// Opens sinks that put objects into a bucket.
#[derive(Debug, Clone)]
pub struct S3 {
    /// The bucket, as [`Access`] opens it.
    pub store: Arc<dyn ObjectStore>,
    /// What names begin with.
    pub prefix: Prefix,
    /// The field with the time that the prefix goes by; without it, the arrival, or the window's start.
    pub time: Option<FieldPath>,
    /// How objects are written.
    pub format: Format,
}

impl Opener for S3 {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(S3Sink {
            to: self.clone(),
            taken: BTreeMap::new(),
            taken_bytes: 0,
            packed: Vec::new(),
        })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }
}

impl S3 {
    /// What the item's object's name begins with.
    fn prefix_of(&self, item: &Item) -> Result<String, String> {
        let time_ms = match &self.time {
            None => i64::try_from(item.origin.arrived_ms).unwrap_or(i64::MAX),
            Some(field) => {
                let time = field.of(&item.value).and_then(moment::of_json);
                time.ok_or_else(|| format!("{field} is no time"))?
            }
        };
        self.prefix
            .of(time_ms, &item.origin.shard_id, || &*item.value)
            .map_err(|error| error.to_string())
    }

    /// The name of the object that a cut has under this prefix.
    pub(super) fn name(&self, prefix: &str, cut: &Cut) -> Result<Path, SinkError> {
        let folder = if prefix.is_empty() || prefix.ends_with('/') {
            prefix.to_owned()
        } else {
            format!("{prefix}/")
        };
        let extension = self.format.extension();
        let name = format!("{folder}{}-{}.{extension}", cut.shard_id, cut.first);
        Path::parse(&name).map_err(|error| SinkError::of(&name, &error))
    }

    /// Puts an object of JSON that has this content whenever it is put.
    #[cfg(any(feature = "redshift", test))]
    pub(super) async fn put_json(&self, name: Path, contents: Bytes) -> Result<(), SinkError> {
        let object = Object {
            name,
            contents: Arc::new(Contents::of_json(contents.to_vec())),
            packed: contents,
        };
        self.put(&object).await
    }

    async fn put(&self, object: &Object) -> Result<(), SinkError> {
        let failed = |error: &object_store::Error| SinkError::of(object.name.as_ref(), error);
        let options = PutOptions::from(PutMode::Create);
        let contents = object.packed.clone().into();
        match self.store.put_opts(&object.name, contents, options).await {
            Ok(_) => return Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(failed(&error)),
        }
        let found = self.store.get(&object.name).await;
        let found = found.map_err(|error| failed(&error))?.bytes().await;
        let found = found.map_err(|error| failed(&error))?;
        if object.contents.are_in(&found) {
            return Ok(());
        }
        Err(SinkError::new(
            OtherContents(object.name.to_string()).to_string(),
        ))
    }
}

/// An object that has not arrived.
#[derive(Debug, Clone)]
struct Object {
    name: Path,
    packed: Bytes,
    contents: Arc<Contents>,
}

#[derive(Debug)]
struct S3Sink {
    to: S3,
    /// Since the last flush, by prefix. Shared with whoever compresses them.
    taken: BTreeMap<String, Arc<Contents>>,
    taken_bytes: usize,
    /// Of the cut that is being flushed: what has not arrived.
    packed: Vec<Object>,
}

impl S3Sink {
    fn take(&mut self, item: &Item) -> Outcome {
        let prefix = match self.to.prefix_of(item) {
            Ok(prefix) => prefix,
            Err(cause) => return Outcome::Rejected(cause),
        };
        // What cannot be in a name is found out before the item is taken.
        if !self.taken.contains_key(&prefix)
            && let Err(error) = Path::parse(&prefix)
        {
            return Outcome::Rejected(error.to_string());
        }
        let begun = self.taken.entry(prefix);
        let begun = begun.or_insert_with(|| Arc::new(Contents::new(&self.to.format)));
        let contents = Arc::make_mut(begun);
        let before = contents.bytes();
        match contents.append(item) {
            Ok(()) => {
                self.taken_bytes += contents.bytes() - before;
                Outcome::Delivered
            }
            Err(error) => Outcome::Rejected(error.to_string()),
        }
    }

    /// Makes objects of what was taken, on a thread that may take its time. If this is dropped, it is made again.
    async fn pack(&mut self, cut: &Cut) -> Result<(), SinkError> {
        let (to, cut, taken) = (self.to.clone(), cut.clone(), self.taken.clone());
        let packing = tokio::task::spawn_blocking(move || {
            let filled = taken
                .into_iter()
                .filter(|(_, contents)| !contents.is_empty());
            let packed = filled.map(|(prefix, contents)| {
                Ok(Object {
                    name: to.name(&prefix, &cut)?,
                    packed: contents.pack()?.into(),
                    contents,
                })
            });
            packed.collect::<Result<Vec<_>, SinkError>>()
        });
        let packed = packing.await;
        self.packed = packed.map_err(|error| SinkError::of("an object", &error))??;
        self.taken.clear();
        self.taken_bytes = 0;
        Ok(())
    }
}

impl Sink for S3Sink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        let outcomes = items.iter().map(|item| self.take(item)).collect();
        Box::pin(std::future::ready(Ok(outcomes)))
    }

    fn unflushed_bytes(&self) -> usize {
        self.taken_bytes
    }

    fn flush<'a>(&'a mut self, cut: &'a Cut) -> SinkFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            if !self.taken.is_empty() {
                self.pack(cut).await?;
            }
            let puts = self.packed.clone().into_iter().map(|object| {
                let to = self.to.clone();
                async move { (to.put(&object).await, object.name) }
            });
            let puts: Vec<_> = puts.collect();
            let done: Vec<_> = stream::iter(puts)
                .buffer_unordered(PUTS_MAX)
                .collect()
                .await;
            let mut failed = None;
            for (put, name) in done {
                match put {
                    Ok(()) => self.packed.retain(|object| object.name != name),
                    Err(error) => failed = Some(error),
                }
            }
            failed.map_or(Ok(()), Err)
        })
    }
}

#[cfg(test)]
mod tests;
