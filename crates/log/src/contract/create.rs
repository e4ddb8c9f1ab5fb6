//! Creating logs.

use std::collections::HashSet;

use futures::future::join_all;

use super::{Trial, data};
use crate::{GroupId, LogSpec, Place};

/// The same ids give the same place and leave the log as it is.
pub async fn create_is_idempotent(trial: &mut Trial) {
    let log = trial.new_log_id();
    let create = || trial.engine().create(Trial::GROUP, log, LogSpec::default());
    let place = create().await.expect("a new log is created");
    let first = trial.append(data(place, "a")).await;
    assert_eq!(create().await, Ok(place));
    assert_eq!(trial.payloads(place).await, ["a"]);
    let second = trial.append(data(place, "b")).await;
    assert!(second.offset > first.offset);
}

/// Calls at the same time for the same ids agree on the place.
pub async fn creates_at_the_same_time_agree(trial: &mut Trial) {
    let log = trial.new_log_id();
    let creates = (0..10).map(|_| trial.engine().create(Trial::GROUP, log, LogSpec::default()));
    let places: HashSet<Place> = join_all(creates)
        .await
        .into_iter()
        .map(|created| created.expect("the log is created"))
        .collect();
    assert_eq!(places.len(), 1);
}

/// Different logs have different places, in one group and across groups, whatever their ids.
pub async fn places_are_distinct(trial: &mut Trial) {
    let mut places = HashSet::new();
    for group in [1, 2, 255, 256, u64::MAX >> 1] {
        for _ in 0..10 {
            places.insert(trial.log_in(GroupId(group)).await);
        }
    }
    assert_eq!(places.len(), 50);
    for place in &places {
        let bytes = place.to_bytes();
        trial.append(data(*place, bytes.to_vec())).await;
    }
    for place in places {
        let entries = trial.entries(Place::from_bytes(place.to_bytes())).await;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].payload[..], place.to_bytes());
    }
}
