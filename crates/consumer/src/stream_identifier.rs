//! Which stream a lease is of, where an application reads several.

use std::fmt;
use std::str::FromStr;

/// What tells a stream from all others, one of its name that was deleted before it too: account, name, and the second in
/// which it was created.
///
/// Written as the KCL writes it, `123456789012:orders:1795881602`, and with a shard's id behind it that is the key of the
/// shard's lease in an application of several streams, and the shard's name wherever this crate names one: `shard_id` of a
/// [`RecordBatch`](crate::RecordBatch), a [`ParkedRecord`](crate::ParkedRecord), a status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamIdentifier {
    account_id: String,
    stream_name: String,
    creation_epoch_s: u64,
}

/// The text is no identifier of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} identifies no stream: give twelve digits of the account, the stream's name and the second of its creation, \
     as in 123456789012:orders:1795881602"
)]
pub struct InvalidStreamIdentifier(String);

impl StreamIdentifier {
    /// The stream of this name in an account of twelve digits, created in this second since 1970, which is not 0.
    ///
    /// # Errors
    /// If one of the three is not what it has to be.
    pub fn new(
        account_id: &str,
        stream_name: &str,
        creation_epoch_s: u64,
    ) -> Result<Self, InvalidStreamIdentifier> {
        let is_account = account_id.len() == 12 && account_id.bytes().all(|b| b.is_ascii_digit());
        let is_name = (1..=128).contains(&stream_name.len())
            && stream_name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if !is_account || !is_name || creation_epoch_s == 0 {
            let text = format!("{account_id}:{stream_name}:{creation_epoch_s}");
            return Err(InvalidStreamIdentifier(text));
        }
        Ok(Self {
            account_id: account_id.to_owned(),
            stream_name: stream_name.to_owned(),
            creation_epoch_s,
        })
    }

    /// The stream that a shard's name in an application of several streams names, and the id that the shard has there.
    /// `None` for a shard of an application of one stream.
    pub fn of_shard(shard_id: &str) -> Option<(Self, &str)> {
        let (stream, shard_id) = shard_id.rsplit_once(':')?;
        Some((stream.parse().ok()?, shard_id))
    }

    /// Whose stream it is.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The stream's name.
    pub fn stream_name(&self) -> &str {
        &self.stream_name
    }

    /// The second since 1970 in which it was created.
    pub fn creation_epoch_s(&self) -> u64 {
        self.creation_epoch_s
    }
}

impl fmt::Display for StreamIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account_id,
            stream_name,
            creation_epoch_s,
        } = self;
        write!(f, "{account_id}:{stream_name}:{creation_epoch_s}")
    }
}

impl FromStr for StreamIdentifier {
    type Err = InvalidStreamIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidStreamIdentifier(text.to_owned());
        let mut parts = text.split(':');
        let (Some(account_id), Some(name), Some(created), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid());
        };
        let created = created.parse().map_err(|_| invalid())?;
        Self::new(account_id, name, created).map_err(|_| invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_written_as_it_is_read() {
        let text = "123456789012:orders.v-2_b:1795881602";
        let orders: StreamIdentifier = text.parse().unwrap();
        assert_eq!(orders.to_string(), text);
        assert_eq!(orders.account_id(), "123456789012");
        assert_eq!(orders.stream_name(), "orders.v-2_b");
        assert_eq!(orders.creation_epoch_s(), 1_795_881_602);
        let shard_id = format!("{text}:shardId-000000000003");
        let (stream, shard) = StreamIdentifier::of_shard(&shard_id).unwrap();
        assert_eq!((stream, shard), (orders, "shardId-000000000003"));
        assert_eq!(StreamIdentifier::of_shard("shardId-000000000003"), None);
    }

    #[test]
    fn what_identifies_no_stream_says_what_would() {
        for text in [
            "",
            "orders",
            "123456789012:orders",
            "123456789012:orders:",
            "123456789012:orders:0",
            "123456789012:orders:soon",
            "123456789012:orders:1:2",
            "12345678901:orders:1",
            "12345678901x:orders:1",
            "123456789012::1",
            "123456789012:or ders:1",
        ] {
            let error = text.parse::<StreamIdentifier>().unwrap_err();
            assert!(
                error.to_string().contains("123456789012:orders:1795881602"),
                "{text}"
            );
        }
    }
}
