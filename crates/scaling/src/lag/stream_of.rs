//! Which stream an application reads: its lease table does not say.

use std::collections::BTreeMap;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::Shard;
use millstream_consumer::{Checkpoint, Lease};
use millstream_types::{HashKey, HashKeyRange, SequenceNumber, ShardId};

use super::LagError;

/// A shard as the service lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its id, as the service writes it.
    pub id: String,
    /// Its number.
    pub shard: ShardId,
    /// Its hash keys.
    pub range: HashKeyRange,
    /// Whether it takes records.
    pub is_open: bool,
    /// The shards that it came from.
    pub parents: Vec<String>,
    /// Where its sequence numbers begin.
    pub starting_sequence_number: String,
}

impl Listed {
    fn of(shard: &Shard) -> Option<Self> {
        let (keys, numbers) = (
            shard.hash_key_range.as_ref()?,
            shard.sequence_number_range.as_ref()?,
        );
        let parents = [&shard.parent_shard_id, &shard.adjacent_parent_shard_id];
        Some(Self {
            id: shard.shard_id.clone(),
            shard: shard.shard_id.parse().ok()?,
            range: HashKeyRange {
                start: keys.starting_hash_key.parse::<HashKey>().ok()?,
                end: keys.ending_hash_key.parse::<HashKey>().ok()?,
            },
            is_open: numbers.ending_sequence_number.is_none(),
            parents: parents.into_iter().flatten().cloned().collect(),
            starting_sequence_number: numbers.starting_sequence_number.clone(),
        })
    }
}

/// All shards of a stream, by their ids.
///
/// # Errors
/// What ListShards answers: see [`LagError`].
pub async fn list_shards(
    client: &Client,
    stream: &str,
) -> Result<BTreeMap<String, Listed>, LagError> {
    let mut shards = BTreeMap::new();
    let mut token = None;
    loop {
        let request = client.list_shards();
        let request = match token {
            Some(token) => request.next_token(token),
            None => request.stream_name(stream),
        };
        let page = request.send().await;
        let page = page.map_err(|error| LagError::of("ListShards", stream, &error))?;
        let listed = page.shards().iter().filter_map(Listed::of);
        shards.extend(listed.map(|shard| (shard.id.clone(), shard)));
        token = page.next_token;
        if token.is_none() {
            return Ok(shards);
        }
    }
}

/// The stream whose shards fit an application's leases best. A table of several streams, where the leases' keys name
/// them, is not looked into.
///
/// # Errors
/// [`LagError::WhichStream`] if none fits, or several fit alike.
pub async fn stream_of(
    client: &Client,
    application: &str,
    leases: &[Lease],
) -> Result<String, LagError> {
    let mut best: (u32, Vec<String>) = (0, Vec::new());
    let mut start = None;
    loop {
        let page = client
            .list_streams()
            .set_exclusive_start_stream_name(start)
            .send()
            .await;
        let page = page.map_err(|error| LagError::of("ListStreams", "streams", &error))?;
        for stream in page.stream_names() {
            let shards = match list_shards(client, stream).await {
                Ok(shards) => shards,
                // It is being created or deleted.
                Err(error)
                    if error
                        .code()
                        .is_some_and(|code| code.starts_with("Resource")) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let fits = fits(leases, &shards);
            if fits > best.0 {
                best = (fits, vec![stream.clone()]);
            } else if fits > 0 && fits == best.0 {
                best.1.push(stream.clone());
            }
        }
        start = page.stream_names.last().cloned();
        if !page.has_more_streams || start.is_none() {
            break;
        }
    }
    let mut candidates = best.1;
    // Applications are often called after their stream.
    if let Some(namesake) = candidates
        .iter()
        .position(|stream| application.contains(stream.as_str()))
        && candidates.len() > 1
    {
        candidates = vec![candidates.swap_remove(namesake)];
    }
    match <[String; 1]>::try_from(candidates) {
        Ok([stream]) => Ok(stream),
        Err(candidates) => Err(LagError::WhichStream {
            application: application.to_owned(),
            candidates,
        }),
    }
}

/// How well leases fit shards: 0 if they contradict each other, more for each lease that is known there.
fn fits(leases: &[Lease], shards: &BTreeMap<String, Listed>) -> u32 {
    let mut fits = 0;
    for lease in leases {
        let Some(shard) = shards.get(&lease.lease_key) else {
            // Its shard may have expired.
            continue;
        };
        if lease
            .hash_key_range
            .is_some_and(|range| range != shard.range)
        {
            return 0;
        }
        let number = match &lease.checkpoint {
            Checkpoint::At(number) => number.sequence_number().parse::<SequenceNumber>().ok(),
            _ => None,
        };
        let start = shard
            .starting_sequence_number
            .parse::<SequenceNumber>()
            .ok();
        fits += match (number, start) {
            // The second in which the shard was made is part of its numbers.
            (Some(number), Some(start)) if number.created_s() != start.created_s() => return 0,
            (Some(_), Some(_)) => 3,
            _ => 1,
        };
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(index: u32, created_s: u64) -> (String, Listed) {
        let shard = ShardId::new(index).unwrap();
        let number = SequenceNumber::new(created_s, index, 0, created_s).to_string();
        let listed = Listed {
            id: shard.to_string(),
            shard,
            range: HashKeyRange::ALL,
            is_open: true,
            parents: Vec::new(),
            starting_sequence_number: number,
        };
        (shard.to_string(), listed)
    }

    fn lease(index: u32, checkpoint: &str) -> Lease {
        let checkpoint = Checkpoint::parse(checkpoint, 0).unwrap();
        Lease::unowned(ShardId::new(index).unwrap().to_string(), checkpoint)
    }

    #[test]
    fn numbers_tell_streams_apart_whose_shards_have_the_same_ids() {
        let (one, other) = (
            BTreeMap::from([shard(0, 1_000)]),
            BTreeMap::from([shard(0, 2_000)]),
        );
        let number = SequenceNumber::new(1_000, 0, 77, 1_500).to_string();
        let leases = [lease(0, &number)];
        assert_eq!((fits(&leases, &one), fits(&leases, &other)), (3, 0));
        let leases = [lease(0, "TRIM_HORIZON")];
        assert_eq!((fits(&leases, &one), fits(&leases, &other)), (1, 1));
        assert_eq!(fits(&[lease(5, "LATEST")], &one), 0);
        let mut elsewhere = lease(0, &number);
        elsewhere.hash_key_range = HashKeyRange::uniform(2).next();
        assert_eq!(fits(&[elsewhere], &one), 0);
    }
}
