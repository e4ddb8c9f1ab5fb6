//! The streams that an application reads: one, or several with one table of leases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::listed_starts::ListedStarts;
use crate::source::OneOfSeveral;
use crate::{Lease, Source, StreamIdentifier};

/// What an application reads: a stream by its name, or several by their [identifiers](StreamIdentifier).
///
/// The leases of an application that reads one stream bear the ids of its shards alone, those of one that reads several the
/// stream's identifier in front, as in the KCL. So an application that begins to read a second stream needs another name,
/// or it begins anew.
#[derive(Debug, Clone)]
pub struct Streams(pub(crate) Named);

#[derive(Debug, Clone)]
pub(crate) enum Named {
    One(String),
    Several(BTreeSet<StreamIdentifier>),
}

impl From<String> for Streams {
    fn from(name: String) -> Self {
        Self(Named::One(name))
    }
}

impl From<&String> for Streams {
    fn from(name: &String) -> Self {
        Self(Named::One(name.clone()))
    }
}

impl From<&str> for Streams {
    fn from(name: &str) -> Self {
        Self(Named::One(name.to_owned()))
    }
}

impl From<Vec<StreamIdentifier>> for Streams {
    fn from(streams: Vec<StreamIdentifier>) -> Self {
        Self(Named::Several(streams.into_iter().collect()))
    }
}

impl<const N: usize> From<[StreamIdentifier; N]> for Streams {
    fn from(streams: [StreamIdentifier; N]) -> Self {
        Self(Named::Several(streams.into()))
    }
}

/// The streams with the sources that they are read from, by what stands in front of the ids of their shards: nothing where
/// there is one stream alone.
#[derive(Debug)]
pub(crate) struct StreamSet(BTreeMap<String, ReadStream>);

/// A stream that is read.
#[derive(Debug)]
pub(crate) struct ReadStream {
    pub(crate) name: String,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) listed_starts: Arc<ListedStarts>,
}

impl ReadStream {
    fn new(name: &str, source: Arc<dyn Source>) -> Self {
        Self {
            name: name.to_owned(),
            listed_starts: Arc::new(ListedStarts::new(Arc::clone(&source))),
            source,
        }
    }
}

/// What stands in front of the shard's own id.
pub(crate) fn stream_of(lease_key: &str) -> &str {
    lease_key.rsplit_once(':').map_or("", |(stream, _)| stream)
}

/// The leases of one stream, by what stands in front of its shards' ids.
pub(crate) fn leases_of(stream: &str, leases: &[Lease]) -> Vec<Lease> {
    let of_stream = leases.iter();
    let of_stream = of_stream.filter(|lease| stream_of(&lease.lease_key) == stream);
    of_stream.cloned().collect()
}

impl StreamSet {
    pub(crate) fn of_one(name: &str, source: Arc<dyn Source>) -> Self {
        Self([(String::new(), ReadStream::new(name, source))].into())
    }

    pub(crate) fn of_several(
        streams: impl IntoIterator<Item = (StreamIdentifier, Arc<dyn Source>)>,
    ) -> Self {
        let streams = streams.into_iter().map(|(stream, source)| {
            let (key, stream) = (stream.to_string(), Arc::new(stream));
            let source = Arc::new(OneOfSeveral::new(Arc::clone(&stream), source));
            (key, ReadStream::new(stream.stream_name(), source))
        });
        Self(streams.collect())
    }

    /// Each with what stands in front of its shards' ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &ReadStream)> {
        self.0.iter().map(|(key, stream)| (key.as_str(), stream))
    }

    /// The stream whose shards' ids have this in front.
    pub(crate) fn get(&self, stream: &str) -> Option<&ReadStream> {
        self.0.get(stream)
    }

    /// The stream that a lease of this application is of.
    ///
    /// # Panics
    /// If it is of none: what other streams' leases say is left out when the table is [looked at](Self::retain_own).
    pub(crate) fn of(&self, lease_key: &str) -> &ReadStream {
        let stream = self.0.get(stream_of(lease_key));
        stream.expect("leases of other streams are left out")
    }

    /// Leaves out the leases of streams that are none of these: another worker of the application reads them, or one did
    /// before they were taken from its list.
    pub(crate) fn retain_own(&self, leases: &mut Vec<Lease>) {
        leases.retain(|lease| self.0.contains_key(stream_of(&lease.lease_key)));
    }

    /// The names of all, for who reads the log.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.0.values().map(|stream| stream.name.as_str()).collect();
        names.join(", ")
    }
}
