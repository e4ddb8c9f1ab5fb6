//! Whether a shard that cannot be found is past retention, or only not known yet: a decision without I/O.

use std::time::Duration;

use tokio::time::Instant;

use crate::Shard;

/// How long a shard must stay unknown before it counts as gone. Listings and iterators agree within seconds; retention
/// is a day at least, so there is no haste.
const GONE_AFTER: Duration = Duration::from_secs(60);

/// What the listings have said about one shard that could not be found.
#[derive(Debug, Default)]
pub(crate) struct GoneShard {
    missing_since: Option<Instant>,
}

impl GoneShard {
    /// The shard was found.
    pub(crate) fn found(&mut self) {
        self.missing_since = None;
    }

    /// A read said that there is no such shard, and this is the listing after it. True once the shard is certainly
    /// past retention: it is not listed though a younger one is, and has not been for a while. A shard that was just
    /// made, of which only its parent knows yet, is younger than what is listed.
    pub(crate) fn is_gone(&mut self, shard_id: &str, listed: &[Shard], now: Instant) -> bool {
        let is_listed = listed.iter().any(|shard| shard.shard_id == shard_id);
        let has_younger = listed
            .iter()
            .any(|shard| shard.shard_id.as_str() > shard_id);
        if is_listed || !has_younger {
            self.missing_since = None;
            return false;
        }
        let since = *self.missing_since.get_or_insert(now);
        now.saturating_duration_since(since) >= GONE_AFTER
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn listed(ids: &[&str]) -> Vec<Shard> {
        ids.iter()
            .map(|id| Shard {
                shard_id: (*id).to_owned(),
                parent_shard_ids: BTreeSet::new(),
                hash_key_range: None,
                starting_sequence_number: None,
                is_closed: false,
            })
            .collect()
    }

    #[test]
    fn a_shard_that_is_not_known_yet_is_never_gone() {
        let (mut shard, start) = (GoneShard::default(), Instant::now());
        for hours in 0..48 {
            let now = start + Duration::from_secs(hours * 3600);
            assert!(!shard.is_gone("s2", &listed(&["s0", "s1"]), now));
            assert!(!shard.is_gone("s2", &[], now));
        }
    }

    #[test]
    fn a_shard_past_retention_is_gone_when_the_listings_stay_without_it() {
        let (mut shard, start) = (GoneShard::default(), Instant::now());
        let (without, with) = (listed(&["s1", "s3"]), listed(&["s2", "s3"]));
        assert!(!shard.is_gone("s2", &without, start));
        let almost = start + GONE_AFTER - Duration::from_millis(1);
        assert!(!shard.is_gone("s2", &without, almost));
        assert!(!shard.is_gone("s2", &with, almost), "listed again");
        assert!(!shard.is_gone("s2", &without, start + GONE_AFTER));
        assert!(shard.is_gone("s2", &without, start + GONE_AFTER * 2));
        shard.found();
        assert!(!shard.is_gone("s2", &without, start + GONE_AFTER * 3));
    }
}
