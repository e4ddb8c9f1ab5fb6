//! How values of other crates look in commands and snapshots: what is spelled here stays for ever, whatever their own
//! crates do.

/// Whether a field is as it was before the field existed: such a one is not written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What is shared is stored as if it were not.
pub(crate) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}

/// A log's id: its number.
pub(crate) mod log_id {
    use millstream_log::LogId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(id: &LogId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(id.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<LogId, D::Error> {
        u64::deserialize(deserializer).map(LogId)
    }
}

/// A place: its bytes as lower-case hexadecimal digits.
pub(crate) mod place {
    use millstream_log::Place;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        place: &Place,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::hex::serialize(&place.to_bytes(), serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Place, D::Error> {
        super::hex::deserialize(deserializer).map(Place::from_bytes)
    }
}

/// Bytes of a fixed number as lower-case hexadecimal digits.
pub(crate) mod hex {
    use std::borrow::Cow;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<const N: usize, S: Serializer>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("four bits");
        let digits: String = bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
            .collect();
        serializer.serialize_str(&digits)
    }

    pub(crate) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let mut bytes = [0; N];
        let mut digits = text.chars().map(|digit| digit.to_digit(16));
        for byte in &mut bytes {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                return Err(D::Error::custom(format!("expected {} digits", 2 * N)));
            };
            *byte = u8::try_from(high * 16 + low).expect("two digits make a byte");
        }
        match digits.next() {
            None => Ok(bytes),
            Some(_) => Err(D::Error::custom(format!("expected {} digits", 2 * N))),
        }
    }
}

/// Gives a word of the API its stored spelling, as a module for `#[serde(with)]`.
macro_rules! spelled {
    ($(#[$doc:meta])* $module:ident: $type:ident { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        pub(crate) mod $module {
            use std::borrow::Cow;

            use millstream_types::$type;
            use serde::de::Error;
            use serde::{Deserialize, Deserializer, Serializer};

            pub(crate) fn serialize<S: Serializer>(
                value: &$type,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(match value {
                    $($type::$variant => $name,)*
                })
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$type, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                match &*text {
                    $($name => Ok($type::$variant),)*
                    unknown => Err(D::Error::unknown_variant(unknown, &[$($name),*])),
                }
            }
        }
    };
}

spelled! {
    /// A capacity mode.
    stream_mode: StreamMode {
        Provisioned = "PROVISIONED",
        OnDemand = "ON_DEMAND",
    }
}

spelled! {
    /// A stream's status.
    stream_status: StreamStatus {
        Creating = "CREATING",
        Deleting = "DELETING",
        Active = "ACTIVE",
        Updating = "UPDATING",
    }
}

spelled! {
    /// A consumer's status.
    consumer_status: ConsumerStatus {
        Creating = "CREATING",
        Deleting = "DELETING",
        Active = "ACTIVE",
    }
}

spelled! {
    /// What decides to which shard a record goes.
    record_distribution: RecordDistributionStrategy {
        Auto = "AUTO",
        UserPartitionKey = "USER_PARTITION_KEY",
    }
}

spelled! {
    /// A shard-level metric.
    metric: MetricsName {
        IncomingBytes = "IncomingBytes",
        IncomingRecords = "IncomingRecords",
        OutgoingBytes = "OutgoingBytes",
        OutgoingRecords = "OutgoingRecords",
        WriteProvisionedThroughputExceeded = "WriteProvisionedThroughputExceeded",
        ReadProvisionedThroughputExceeded = "ReadProvisionedThroughputExceeded",
        IteratorAgeMilliseconds = "IteratorAgeMilliseconds",
        All = "ALL",
    }
}

/// A set of metrics: their names, in the order of the type.
pub(crate) mod metrics {
    use std::collections::BTreeSet;

    use millstream_types::MetricsName;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Stored(#[serde(with = "super::metric")] MetricsName);

    pub(crate) fn serialize<S: Serializer>(
        metrics: &BTreeSet<MetricsName>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(metrics.iter().map(|one| Stored(*one)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<MetricsName>, D::Error> {
        let metrics = Vec::<Stored>::deserialize(deserializer)?;
        Ok(metrics.into_iter().map(|Stored(one)| one).collect())
    }
}
