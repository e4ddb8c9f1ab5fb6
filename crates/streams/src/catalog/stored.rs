//! How values of other crates look in commands and snapshots.

/// Whether a field is as it was before the field existed: such a one is not written.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What is shared is stored as if it were not.
pub(super) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::catalog) fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub(in crate::catalog) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}

/// A log's id: its number.
pub(super) mod log_id {
    use millstream_log::LogId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::catalog) fn serialize<S: Serializer>(
        id: &LogId,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(id.0)
    }

    pub(in crate::catalog) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<LogId, D::Error> {
        u64::deserialize(deserializer).map(LogId)
    }
}

/// A place: its bytes as lower-case hexadecimal digits.
pub(super) mod place {
    use millstream_log::Place;
    use serde::{Deserializer, Serializer};

    pub(in crate::catalog) fn serialize<S: Serializer>(
        place: &Place,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::hex::serialize(&place.to_bytes(), serializer)
    }

    pub(in crate::catalog) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Place, D::Error> {
        super::hex::deserialize(deserializer).map(Place::from_bytes)
    }
}

/// Bytes of a fixed number as lower-case hexadecimal digits.
pub(super) mod hex {
    use std::borrow::Cow;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::catalog) fn serialize<const N: usize, S: Serializer>(
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

    pub(in crate::catalog) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
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
