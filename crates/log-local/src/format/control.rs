//! A change to the table of logs, 32 bytes: `kind u8 | 0 (7) | group u64 | log u64 | argument u64`.

use super::{Input, LogKey};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlOp {
    Create(LogKey),
    Delete(LogKey),
    DeleteGroup(u64),
    /// Entries below `before` are dead.
    Trim {
        key: LogKey,
        before: u64,
    },
}

impl ControlOp {
    pub(crate) const BYTES: usize = 32;

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        let (kind, key, argument) = match self {
            Self::Create(key) => (1, key, 0),
            Self::Delete(key) => (2, key, 0),
            Self::DeleteGroup(group) => (3, LogKey { group, log: 0 }, 0),
            Self::Trim { key, before } => (4, key, before),
        };
        let numbers = [kind, key.group, key.log, argument];
        numbers
            .iter()
            .for_each(|number: &u64| out.extend_from_slice(&number.to_le_bytes()));
    }

    pub(crate) fn decode(input: &mut Input<'_>) -> Option<Self> {
        let kind = input.u64()?;
        let key = LogKey {
            group: input.u64()?,
            log: input.u64()?,
        };
        let argument = input.u64()?;
        match (kind, argument) {
            (1, 0) => Some(Self::Create(key)),
            (2, 0) => Some(Self::Delete(key)),
            (3, 0) if key.log == 0 => Some(Self::DeleteGroup(key.group)),
            (4, before) => Some(Self::Trim { key, before }),
            _ => None,
        }
    }
}
