//! The four requests of a producer that brokers recognise, and their answers. The versions are the newest without tagged
//! fields; brokers from 2.1 to those of today speak them.

use super::batch::ProducerId;
use super::wire::{Reader, Unreadable, Writer};

/// A request: which one, in which version, and how its answer is read.
pub(super) trait Message {
    const KEY: i16;
    const VERSION: i16;
    type Answer;

    fn write(&self, to: &mut Writer);

    fn read(answer: &mut Reader<'_>) -> Result<Self::Answer, Unreadable>;
}

/// Who the brokers are, and who leads which partition of a topic.
#[derive(Debug)]
pub(super) struct Metadata<'a> {
    pub(super) topic: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetadataAnswer {
    /// Number, host and port.
    pub(super) brokers: Vec<(i32, String, i32)>,
    /// Of the topic.
    pub(super) error: i16,
    /// Number, and the number of its leader: -1 for none.
    pub(super) partitions: Vec<(i32, i32)>,
}

impl Message for Metadata<'_> {
    const KEY: i16 = 3;
    const VERSION: i16 = 4;
    type Answer = MetadataAnswer;

    fn write(&self, to: &mut Writer) {
        to.count(1);
        to.string(self.topic);
        to.i8(0); // no topic is made by asking
    }

    fn read(answer: &mut Reader<'_>) -> Result<MetadataAnswer, Unreadable> {
        answer.i32()?; // throttled for
        let mut brokers = Vec::new();
        for _ in 0..answer.count()? {
            brokers.push((answer.i32()?, answer.string()?, answer.i32()?));
            answer.string()?; // rack
        }
        answer.string()?; // cluster
        answer.i32()?; // controller
        let (mut error, mut partitions) = (0, Vec::new());
        for _ in 0..answer.count()? {
            error = answer.i16()?;
            answer.string()?; // the topic
            answer.i8()?; // internal
            for _ in 0..answer.count()? {
                answer.i16()?; // an error of the partition shows in its leader
                partitions.push((answer.i32()?, answer.i32()?));
                for _replicas_then_in_sync in 0..2 {
                    for _ in 0..answer.count()? {
                        answer.i32()?;
                    }
                }
            }
        }
        Ok(MetadataAnswer {
            brokers,
            error,
            partitions,
        })
    }
}

/// A number for a producer without transactions.
#[derive(Debug)]
pub(super) struct InitProducerId;

impl Message for InitProducerId {
    const KEY: i16 = 22;
    const VERSION: i16 = 1;
    type Answer = Result<ProducerId, i16>;

    fn write(&self, to: &mut Writer) {
        to.null_string(); // no transactions
        to.i32(i32::MAX);
    }

    fn read(answer: &mut Reader<'_>) -> Result<Self::Answer, Unreadable> {
        answer.i32()?; // throttled for
        let error = answer.i16()?;
        let producer = ProducerId {
            id: answer.i64()?,
            epoch: answer.i16()?,
        };
        Ok(if error == 0 { Ok(producer) } else { Err(error) })
    }
}

/// Batches for partitions that one broker leads.
#[derive(Debug)]
pub(super) struct Produce<'a> {
    pub(super) topic: &'a str,
    /// How long the broker may wait for the others, in milliseconds.
    pub(super) timeout_ms: i32,
    /// Each partition with its batch.
    pub(super) batches: &'a [(i32, Vec<u8>)],
}

impl Message for Produce<'_> {
    const KEY: i16 = 0;
    const VERSION: i16 = 7;
    /// Each partition with its error, 0 for none.
    type Answer = Vec<(i32, i16)>;

    fn write(&self, to: &mut Writer) {
        to.null_string(); // no transaction
        to.i16(-1); // answered once all replicas that are in sync have it
        to.i32(self.timeout_ms);
        to.count(1);
        to.string(self.topic);
        to.count(self.batches.len());
        for (partition, batch) in self.batches {
            to.i32(*partition);
            to.bytes(batch);
        }
    }

    fn read(answer: &mut Reader<'_>) -> Result<Self::Answer, Unreadable> {
        let mut errors = Vec::new();
        for _ in 0..answer.count()? {
            answer.string()?; // the topic
            for _ in 0..answer.count()? {
                errors.push((answer.i32()?, answer.i16()?));
                for _offset_time_and_first_offset in 0..3 {
                    answer.i64()?;
                }
            }
        }
        Ok(errors)
    }
}

/// Which mechanism proves who asks.
#[derive(Debug)]
pub(super) struct SaslHandshake {
    pub(super) mechanism: &'static str,
}

impl Message for SaslHandshake {
    const KEY: i16 = 17;
    const VERSION: i16 = 1;
    /// The error, and the mechanisms that there are.
    type Answer = (i16, Vec<String>);

    fn write(&self, to: &mut Writer) {
        to.string(self.mechanism);
    }

    fn read(answer: &mut Reader<'_>) -> Result<Self::Answer, Unreadable> {
        let error = answer.i16()?;
        let count = answer.count()?;
        let mechanisms = (0..count)
            .map(|_| answer.string())
            .collect::<Result<_, _>>()?;
        Ok((error, mechanisms))
    }
}

/// One step of the mechanism.
#[derive(Debug)]
pub(super) struct SaslAuthenticate<'a> {
    pub(super) bytes: &'a [u8],
}

impl Message for SaslAuthenticate<'_> {
    const KEY: i16 = 36;
    const VERSION: i16 = 0;
    /// What the broker says to that; or its error.
    type Answer = Result<Vec<u8>, (i16, String)>;

    fn write(&self, to: &mut Writer) {
        to.bytes(self.bytes);
    }

    fn read(answer: &mut Reader<'_>) -> Result<Self::Answer, Unreadable> {
        let (error, text) = (answer.i16()?, answer.string()?);
        let bytes = answer.bytes()?.to_vec();
        Ok(if error == 0 {
            Ok(bytes)
        } else {
            Err((error, text))
        })
    }
}
