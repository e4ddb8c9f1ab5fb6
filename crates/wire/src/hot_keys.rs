//! The heaviest keys of a shard, as a header of this server's alone says them.
//!
//! A GetRecords that has the header [`HEADER`] with a number is answered with the same header: so many keys by records, and so
//! many by bytes, of the shard that it reads. AWS's clients neither send nor read it.
//!
//! `since=1793620837250; records=100; bytes=2000; key=a2V5 60 60 360 361`, and `; sampled` if so: of each key its name in
//! base64, and the least and the most of records and of bytes.

use base64_simd::STANDARD;
use millstream_types::{HeavyKey, KeyWeight, ShardHeat, TimestampMs};

/// The header's name.
pub const HEADER: &str = "x-millstream-hot-keys";
/// Most keys that can be asked for, by records and by bytes each.
pub const KEYS_MAX: usize = 50;
/// Clients take no heads of any size: keys that have no room in this are left out, the lightest first.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// The header's value.
pub fn encode(heat: &ShardHeat) -> String {
    let ShardHeat {
        since,
        total,
        is_sampled,
        keys,
    } = heat;
    let KeyWeight { records, bytes } = total;
    let mut text = format!("since={}; records={records}; bytes={bytes}", since.0);
    if *is_sampled {
        text.push_str("; sampled");
    }
    let mut heaviest: Vec<&HeavyKey> = keys.iter().collect();
    let share = |of: u64, all: u64| u128::from(of) * 1_000_000 / u128::from(all.max(1));
    heaviest.sort_by_key(|key| {
        let KeyWeight { records, bytes } = key.least;
        std::cmp::Reverse(share(records, total.records).max(share(bytes, total.bytes)))
    });
    for HeavyKey { key, least, most } in heaviest {
        let word = format!(
            "; key={} {} {} {} {}",
            STANDARD.encode_to_string(key.as_bytes()),
            least.records,
            most.records,
            least.bytes,
            most.bytes
        );
        if text.len() + word.len() <= TEXT_BYTES_MAX {
            text.push_str(&word);
        }
    }
    text
}

/// What [`encode`] made; `None` if it is something else. Unknown words are left to later servers.
pub fn decode(text: &str) -> Option<ShardHeat> {
    let (mut since, mut records, mut bytes) = (None, None, None);
    let (mut is_sampled, mut keys) = (false, Vec::new());
    for word in text.split(';').map(str::trim) {
        match word.split_once('=') {
            Some(("since", ms)) => since = Some(TimestampMs(ms.parse().ok()?)),
            Some(("records", count)) => records = Some(count.parse().ok()?),
            Some(("bytes", count)) => bytes = Some(count.parse().ok()?),
            Some(("key", rest)) => keys.push(decode_key(rest)?),
            _ => is_sampled |= word == "sampled",
        }
    }
    keys.sort_by(|one, other| one.key.cmp(&other.key));
    let total = KeyWeight {
        records: records?,
        bytes: bytes?,
    };
    Some(ShardHeat {
        since: since?,
        total,
        is_sampled,
        keys,
    })
}

fn decode_key(text: &str) -> Option<HeavyKey> {
    // The name of a record without a key is empty.
    let (name, numbers) = text.split_once(' ')?;
    let name = String::from_utf8(STANDARD.decode_to_vec(name).ok()?).ok()?;
    let numbers = numbers.split(' ').map(|number| number.parse().ok());
    let numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
    let [least_records, most_records, least_bytes, most_bytes] = numbers[..] else {
        return None;
    };
    Some(HeavyKey {
        key: name.into(),
        least: KeyWeight {
            records: least_records,
            bytes: least_bytes,
        },
        most: KeyWeight {
            records: most_records,
            bytes: most_bytes,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    fn weight() -> impl Strategy<Value = KeyWeight> {
        (any::<u64>(), any::<u64>()).prop_map(|(records, bytes)| KeyWeight { records, bytes })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            since in any::<u64>(),
            total in weight(),
            is_sampled in any::<bool>(),
            keys in btree_map(".{0,32}", (weight(), weight()), 0..20),
        ) {
            let keys = keys.into_iter();
            let keys = keys.map(|(key, (least, most))| HeavyKey { key: key.into(), least, most }).collect();
            let heat = ShardHeat { since: TimestampMs(since), total, is_sampled, keys };
            let text = encode(&heat);
            prop_assert!(text.is_ascii() && !text.contains(['\r', '\n']));
            prop_assert_eq!(decode(&text), Some(heat));
        }

        #[test]
        fn whatever_is_read_panics_not(text in ".{0,200}") {
            decode(&text);
            decode(&format!("since=1; records=1; bytes=1; key={text}"));
        }
    }

    #[test]
    fn long_keys_are_left_out_the_lightest_first() {
        let heavy = |number: u64| HeavyKey {
            key: format!("{number:02}{}", "€".repeat(254)).into(),
            least: KeyWeight {
                records: number,
                bytes: 1,
            },
            most: KeyWeight {
                records: number,
                bytes: 1,
            },
        };
        let heat = ShardHeat {
            since: TimestampMs(1),
            total: KeyWeight {
                records: 1_000,
                bytes: 1_000_000,
            },
            is_sampled: false,
            keys: (1..=40).map(heavy).collect(),
        };
        let text = encode(&heat);
        assert!(text.len() <= TEXT_BYTES_MAX);
        let told = decode(&text).expect("it is read").keys;
        assert_eq!(told, heat.keys[40 - told.len()..]);
        assert!(told.len() >= 7, "{}", told.len());
    }

    #[test]
    fn the_form_is_fixed() {
        let text = "since=1793620837250; records=100; bytes=2000; sampled; key=a2V5 60 60 360 361; key= 1 2 3 4";
        let heat = decode(text).expect("it is read");
        assert_eq!(encode(&heat), text);
        assert_eq!(
            (&*heat.keys[0].key, &*heat.keys[1].key, heat.is_sampled),
            ("", "key", true)
        );
        assert_eq!(
            decode(&text.replace("; key=a2V5", "; later=1; key=a2V5")),
            Some(heat)
        );
        for bad in [
            "",
            "since=1; records=1",
            "since=1; records=1; bytes=1; key=a2V5 1 2 3",
            "count",
        ] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
