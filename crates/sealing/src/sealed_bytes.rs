//! What the service itself stores, sealed: `E7 "SEAL" | version u8 = 1 | 0 (2) | key id u32 | nonce | sealed | tag`,
//! little-endian. Commands begin with `{`, entries of metrics with their version, snapshots with `{`: none looks like that.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_log::{
    EngineError, GroupId, LogEngine, LogId, LogSpec, ReadFrom, ReadOutcome, SnapshotStore,
};

use crate::data_key::{NotOpened, SEALED_EXTRA_BYTES};
use crate::key_ring::KeyRing;

const MAGIC: &[u8; 8] = b"\xe7SEAL\x01\0\0";
const HEAD_BYTES: usize = MAGIC.len() + 4;

/// What sealing adds to the length.
pub(crate) const OWN_EXTRA_BYTES: usize = HEAD_BYTES + SEALED_EXTRA_BYTES;

/// Whether these bytes of a command, a metric or a snapshot are sealed.
pub fn is_sealed(stored: &[u8]) -> bool {
    stored.starts_with(MAGIC)
}

/// Seals with the service's own key.
pub(crate) fn seal_own(keys: &Arc<KeyRing>, plain: &[u8], about: &[u8]) -> Bytes {
    let key = keys
        .own()
        .expect("every open ring has the service's own key");
    let mut buffer = Vec::with_capacity(OWN_EXTRA_BYTES + plain.len());
    buffer.extend_from_slice(MAGIC);
    buffer.extend_from_slice(&key.id().to_le_bytes());
    buffer.extend_from_slice(plain);
    key.seal(&mut buffer, HEAD_BYTES, about);
    buffer.into()
}

/// Opens what was sealed for a place in the command log or the metrics; what is plain stays as it is: it was written
/// before there was a master key.
///
/// # Errors
/// If it is damaged, or its key is not in the ring.
pub fn open_own(keys: &KeyRing, stored: Bytes, about: &[u8]) -> Result<Bytes, NotOpened> {
    let Some(rest) = stored.strip_prefix(&MAGIC[..]) else {
        return Ok(stored);
    };
    let (id, _) = rest.split_first_chunk::<4>().ok_or(NotOpened::Damaged)?;
    let id = u32::from_le_bytes(*id);
    let key = keys.by_id(id).ok_or(NotOpened::NoKey(id))?;
    let opened = key.open(&stored, HEAD_BYTES, about)?;
    Ok(Bytes::from(opened).slice(HEAD_BYTES..))
}

/// Whether an engine holds what was sealed, for who finds no keys beside it: a snapshot, or the first command that is
/// there. Makes the command log if there is none.
///
/// # Errors
/// If the engine fails.
pub async fn holds_sealed(
    engine: &dyn LogEngine,
    snapshots: &dyn SnapshotStore,
) -> Result<bool, EngineError> {
    let snapshots = snapshots.load().await?;
    if snapshots.iter().any(|one| is_sealed(&one.state)) {
        return Ok(true);
    }
    let created = engine.create(GroupId::COMMANDS, LogId(0), LogSpec::default());
    let place = created.await?;
    let read = ReadFrom {
        place,
        from: engine.bounds(place).await?.first,
        bytes_max: 1,
    };
    let outcomes = engine.read_many(vec![read], Duration::ZERO).await;
    Ok(outcomes.iter().any(|outcome| match outcome {
        ReadOutcome::Entries { entries, .. } => {
            entries.iter().any(|entry| is_sealed(&entry.payload))
        }
        _ => false,
    }))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use millstream_log::{
        Append, EntryKind, MemoryEngine, MemorySettings, MemorySnapshots, Snapshot,
    };
    use millstream_types::SystemClock;

    use super::*;
    use crate::{DataKey, MasterKey, SealedLogs, SealedSnapshots};

    fn keys() -> Arc<KeyRing> {
        let master = MasterKey::from_base64(&BASE64_STANDARD.encode([1; 32])).unwrap();
        Arc::new(KeyRing::open(None, master, None).unwrap())
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_with_its_key_and_what_is_plain_stays() {
        let (ring, other) = (keys(), keys());
        let sealed = seal_own(&ring, b"a command", b"here");
        assert_eq!(sealed.len(), 9 + OWN_EXTRA_BYTES);
        let opened = open_own(&ring, sealed.clone(), b"here");
        assert_eq!(opened, Ok(Bytes::from_static(b"a command")));
        let elsewhere = open_own(&ring, sealed.clone(), b"there");
        assert_eq!(elsewhere, Err(NotOpened::Damaged));
        let id = ring.own().unwrap().id();
        assert_eq!(
            open_own(&other, sealed.clone(), b"here"),
            Err(NotOpened::NoKey(id))
        );
        for end in MAGIC.len()..sealed.len() {
            assert!(
                open_own(&ring, sealed.slice(..end), b"here").is_err(),
                "{end}"
            );
        }
        let plain = Bytes::from_static(b"{\"a\":1}");
        assert_eq!(open_own(&ring, plain.clone(), b"here"), Ok(plain));
    }

    /// As another implementation made it.
    #[test]
    fn the_form_is_frozen() {
        const FROZEN: [u8; 49] = [
            231, 83, 69, 65, 76, 1, 0, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 38,
            145, 21, 35, 162, 141, 60, 96, 85, 175, 90, 162, 63, 124, 197, 11, 13, 18, 115, 227,
            140, 64, 134, 127, 204,
        ];
        assert!(FROZEN.starts_with(MAGIC));
        let key = DataKey::new(5, &[3; 32]).unwrap();
        let opened = key.open(&FROZEN, HEAD_BYTES, &[0; 24]).unwrap();
        assert_eq!(&opened[HEAD_BYTES..], b"a command");
    }

    /// Who has lost the keys is told so.
    #[tokio::test]
    async fn sealed_commands_and_sealed_snapshots_are_found_without_a_key() {
        let memory = || {
            let settings = MemorySettings::default();
            Arc::new(MemoryEngine::new(settings, Arc::new(SystemClock)))
        };
        let (plain, sealed) = (memory(), memory());
        let snapshots = Arc::new(MemorySnapshots::new());
        for engine in [&plain, &sealed] {
            assert_eq!(holds_sealed(&**engine, &*snapshots).await, Ok(false));
        }
        let logs = SealedLogs::new(sealed.clone(), keys());
        for engine in [&*plain as &dyn LogEngine, &logs] {
            let created = engine.create(GroupId::COMMANDS, LogId(0), LogSpec::default());
            let append = Append {
                place: created.await.unwrap(),
                kind: EntryKind::Data,
                payload: Bytes::from_static(b"{}"),
                id: None,
            };
            engine.append_many(vec![append]).await[0].unwrap();
        }
        assert_eq!(holds_sealed(&*plain, &*snapshots).await, Ok(false));
        assert_eq!(holds_sealed(&*sealed, &*snapshots).await, Ok(true));
        let store = SealedSnapshots::new(snapshots.clone(), keys());
        let snapshot = Snapshot {
            offset: 1,
            state: Bytes::from_static(b"{}"),
        };
        store.save(snapshot).await.unwrap();
        assert_eq!(holds_sealed(&*plain, &*snapshots).await, Ok(true));
    }
}
