//! The stored form of the whole catalog: one JSON object `{"v":1,…}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use millstream_types::{AccountId, Region};
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::commitment::Commitment;
use crate::stream::{Stream, StreamKey};
use crate::token_key::TokenKey;

/// Version of the stored form.
const VERSION: u16 = 1;

/// A snapshot that this version does not understand.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSnapshot {
    /// Written by a version that this one does not know.
    #[error("the snapshot has the form of version {0}, which this version does not know")]
    Version(u16),
    /// Not a catalog, or with parts that this version does not know.
    #[error("the snapshot cannot be understood")]
    Form(#[source] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCatalog {
    v: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_key: Option<TokenKey>,
    last_stream_id: u64,
    last_log_id: u64,
    namesakes: Vec<Namesake>,
    namesakes_floor_s: u64,
    streams: Vec<Arc<Stream>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    commitments: Vec<CommitmentOf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Namesake {
    key: StreamKey,
    created_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitmentOf {
    account: AccountId,
    region: Region,
    commitment: Commitment,
}

impl Catalog {
    /// The stored form of the whole state. Takes time and room in proportion to the number of shards.
    pub fn encode(&self) -> Bytes {
        let stored = StoredCatalog {
            v: VERSION,
            token_key: self.token_key,
            last_stream_id: self.last_stream_id,
            last_log_id: self.last_log_id,
            namesakes: self
                .namesakes
                .iter()
                .map(|(key, created_s)| Namesake {
                    key: key.clone(),
                    created_s: *created_s,
                })
                .collect(),
            namesakes_floor_s: self.namesakes_floor_s,
            streams: self.by_id.values().cloned().collect(),
            commitments: self.commitments_stored(),
        };
        serde_json::to_vec(&stored)
            .expect("a catalog has text keys only")
            .into()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// If anything in it is unknown.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidSnapshot> {
        #[derive(Deserialize)]
        struct Version {
            v: u16,
        }
        let Version { v } = serde_json::from_slice(bytes).map_err(InvalidSnapshot::Form)?;
        if v != VERSION {
            return Err(InvalidSnapshot::Version(v));
        }
        let stored: StoredCatalog = serde_json::from_slice(bytes).map_err(InvalidSnapshot::Form)?;
        let namesakes = stored.namesakes.into_iter();
        let mut catalog = Self {
            token_key: stored.token_key,
            last_stream_id: stored.last_stream_id,
            last_log_id: stored.last_log_id,
            namesakes: namesakes.map(|old| (old.key, old.created_s)).collect(),
            namesakes_floor_s: stored.namesakes_floor_s,
            ..Self::default()
        };
        for stream in stored.streams {
            let mut stream = Arc::unwrap_or_clone(stream);
            stream.settle();
            catalog.store(Arc::new(stream));
        }
        for one in stored.commitments {
            let regions = catalog.commitments.entry(one.account).or_default();
            regions.insert(one.region, one.commitment);
        }
        Ok(catalog)
    }

    fn commitments_stored(&self) -> Vec<CommitmentOf> {
        let of_account = |(account, regions): (&AccountId, &BTreeMap<Region, Commitment>)| {
            let account = account.clone();
            let one = |(region, commitment): (&Region, &Commitment)| CommitmentOf {
                account: account.clone(),
                region: region.clone(),
                commitment: *commitment,
            };
            regions.iter().map(one).collect::<Vec<_>>()
        };
        self.commitments.iter().flat_map(of_account).collect()
    }
}
