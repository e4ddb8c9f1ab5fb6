//! Whose leases stand in one table: those of an application of several streams name their stream.

use std::collections::BTreeMap;

use aws_sdk_kinesis::Client;
use millstream_consumer::{Lease, StreamIdentifier};

use super::{LagError, stream_of};

/// The leases of a table by the names of the streams that their keys name, under the ids that the shards have there. Those of
/// an application of one stream, whose keys name none, stand under the empty name.
///
/// Of a stream that was deleted and created again only the newest one's leases are among them.
pub fn by_stream(leases: Vec<Lease>) -> BTreeMap<String, Vec<Lease>> {
    let mut newest: BTreeMap<String, (u64, Vec<Lease>)> = BTreeMap::new();
    for lease in leases {
        let (stream, created_s, lease) = match StreamIdentifier::of_shard(&lease.lease_key) {
            Some((stream, _)) => (
                stream.stream_name().to_owned(),
                stream.creation_epoch_s(),
                under_own_ids(lease),
            ),
            None => (String::new(), 0, lease),
        };
        let (known_s, of_stream) = newest.entry(stream).or_default();
        if created_s > *known_s {
            (*known_s, *of_stream) = (created_s, Vec::new());
        }
        if created_s == *known_s {
            of_stream.push(lease);
        }
    }
    let streams = newest.into_iter();
    streams
        .map(|(stream, (_, leases))| (stream, leases))
        .collect()
}

fn under_own_ids(lease: Lease) -> Lease {
    let own_id =
        |id: &String| StreamIdentifier::of_shard(id).map_or(id.clone(), |(_, id)| id.to_owned());
    Lease {
        lease_key: own_id(&lease.lease_key),
        parent_shard_ids: lease.parent_shard_ids.iter().map(own_id).collect(),
        child_shard_ids: lease.child_shard_ids.iter().map(own_id).collect(),
        ..lease
    }
}

/// The stream that is looked at, and its leases: the one that is `named`, or the only one that the leases name, or, where they
/// name none, the one whose shards fit.
///
/// # Errors
/// [`LagError::WhichStream`] if the leases name several and none of these is `named`, or if they name none and not exactly one
/// fits; else what the service answers.
pub async fn stream_and_leases(
    client: &Client,
    application: &str,
    named: Option<&str>,
    leases: Vec<Lease>,
) -> Result<(String, Vec<Lease>), LagError> {
    let mut streams = by_stream(leases);
    let nameless = streams.remove("").unwrap_or_default();
    if streams.is_empty() {
        let stream = match named {
            Some(named) => named.to_owned(),
            None => stream_of(client, application, &nameless).await?,
        };
        return Ok((stream, nameless));
    }
    let candidates: Vec<String> = streams.keys().cloned().collect();
    let stream = match (named, candidates.as_slice()) {
        (Some(named), _) => named,
        (None, [only]) => only,
        (None, _) => "",
    };
    match streams.remove_entry(stream) {
        Some(found) => Ok(found),
        None => Err(LagError::WhichStream {
            application: application.to_owned(),
            candidates,
        }),
    }
}

#[cfg(test)]
mod tests {
    use millstream_consumer::Checkpoint;

    use super::*;

    fn lease(key: &str, parents: &[&str]) -> Lease {
        let mut lease = Lease::unowned(key, Checkpoint::TrimHorizon);
        lease.parent_shard_ids = parents.iter().map(|id| (*id).to_owned()).collect();
        lease
    }

    #[test]
    fn each_stream_has_its_leases_under_its_own_ids() {
        let orders = |id: &str| format!("123456789012:orders:1795881602:{id}");
        let payments = "123456789012:payments:1795881700:shardId-000000000000";
        let leases = vec![
            lease(&orders("shardId-000000000000"), &[]),
            lease(payments, &[]),
            lease(
                &orders("shardId-000000000001"),
                &[&orders("shardId-000000000000")],
            ),
        ];
        let streams = by_stream(leases);
        assert_eq!(streams.keys().collect::<Vec<_>>(), ["orders", "payments"]);
        let expected = [
            lease("shardId-000000000000", &[]),
            lease("shardId-000000000001", &["shardId-000000000000"]),
        ];
        assert_eq!(streams["orders"], expected);
        assert_eq!(streams["payments"], [lease("shardId-000000000000", &[])]);
    }

    #[test]
    fn a_stream_that_was_created_again_has_the_leases_of_now() {
        let of = |created_s: u64, id| lease(&format!("123456789012:orders:{created_s}:{id}"), &[]);
        for leases in [
            vec![of(1, "shardId-000000000000"), of(2, "shardId-000000000007")],
            vec![of(2, "shardId-000000000007"), of(1, "shardId-000000000000")],
        ] {
            let streams = by_stream(leases);
            assert_eq!(streams["orders"], [lease("shardId-000000000007", &[])]);
        }
    }

    #[test]
    fn leases_that_name_no_stream_stay_as_they_are() {
        let leases = vec![lease("shardId-000000000000", &[])];
        assert_eq!(
            by_stream(leases.clone()),
            BTreeMap::from([(String::new(), leases)])
        );
    }
}
