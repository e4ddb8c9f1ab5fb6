//! What an error of the protocol means for a batch.

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is appended, now or before.
    Taken,
    /// Nothing of it is appended, and never will be as it is.
    Refused,
    /// It is to come again, with the same sequence.
    Again,
    /// The broker has lost what it knew of the producer: a new one is to begin.
    StartOver,
}

pub(super) fn meaning_of(error: i16) -> Meaning {
    match error {
        // 46 of a sequence that it has.
        0 | 46 => Meaning::Taken,
        // Too large as a message or as a list; a format, a time or a record that the topic does not take.
        10 | 18 | 32 | 43 | 87 => Meaning::Refused,
        // A sequence that does not follow; an epoch or a producer that is not known.
        45 | 47 | 59 | 90 => Meaning::StartOver,
        _ => Meaning::Again,
    }
}

/// As Kafka calls it.
pub(super) fn name_of(error: i16) -> String {
    let name = match error {
        2 => "CORRUPT_MESSAGE",
        3 => "UNKNOWN_TOPIC_OR_PARTITION: does the topic exist?",
        5 => "LEADER_NOT_AVAILABLE",
        6 => "NOT_LEADER_OR_FOLLOWER",
        7 => "REQUEST_TIMED_OUT",
        10 => "MESSAGE_TOO_LARGE",
        14 => "COORDINATOR_LOAD_IN_PROGRESS",
        15 => "COORDINATOR_NOT_AVAILABLE",
        17 => "INVALID_TOPIC_EXCEPTION",
        18 => "RECORD_LIST_TOO_LARGE",
        19 => "NOT_ENOUGH_REPLICAS",
        20 => "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        29 => "TOPIC_AUTHORIZATION_FAILED",
        31 => "CLUSTER_AUTHORIZATION_FAILED",
        32 => "INVALID_TIMESTAMP",
        35 => "UNSUPPORTED_VERSION",
        43 => "UNSUPPORTED_FOR_MESSAGE_FORMAT",
        45 => "OUT_OF_ORDER_SEQUENCE_NUMBER",
        47 => "INVALID_PRODUCER_EPOCH",
        56 => "KAFKA_STORAGE_ERROR",
        59 => "UNKNOWN_PRODUCER_ID",
        87 => "INVALID_RECORD",
        89 => "THROTTLING_QUOTA_EXCEEDED",
        90 => "PRODUCER_FENCED",
        _ => return format!("error {error}"),
    };
    format!("{name} ({error})")
}
