//! With which keys the records of encrypted streams are sealed and opened.

use std::sync::Arc;

use millstream_catalog::Stream;
use millstream_log::GroupId;
use millstream_sealing::{DataKey, KeyRing, KeyRingError};
use millstream_types::EncryptionType;

use crate::tasks::Computing;
use crate::view::View;
use crate::{Failure, refusals};

/// The keys of all streams. Without a ring nothing is sealed, whatever the API says of a stream.
#[derive(Debug, Clone)]
pub(crate) struct RecordKeys {
    ring: Option<Arc<KeyRing>>,
    computing: Computing,
}

impl RecordKeys {
    /// Makes a key for each stream whose encryption is on and that has none: it was switched on before there was a master
    /// key.
    pub(crate) async fn open(
        ring: Option<Arc<KeyRing>>,
        view: &View,
        computing: Computing,
    ) -> Result<Self, KeyRingError> {
        let keys = Self { ring, computing };
        let Some(ring) = &keys.ring else {
            return Ok(keys);
        };
        let encrypted = |stream: &&Arc<Stream>| stream.encryption_type() == EncryptionType::Kms;
        let groups: Vec<GroupId> = view.read(|catalog| {
            let streams = catalog.streams().filter(encrypted);
            let groups = streams.map(|stream| stream.id.group());
            groups.filter(|group| ring.of(*group).is_none()).collect()
        });
        keys.change(move |ring| {
            groups
                .into_iter()
                .try_for_each(|group| ring.begin_epoch(group))
        })
        .await?;
        Ok(keys)
    }

    /// What records are opened with.
    pub(crate) fn ring(&self) -> Option<&KeyRing> {
        self.ring.as_deref()
    }

    /// What the records of a put are sealed with; `None` if they are not.
    ///
    /// # Errors
    /// If the stream is encrypted and has no key: nothing of it is ever written plain.
    pub(crate) fn of_put(&self, stream: &Stream) -> Result<Option<Arc<DataKey>>, Failure> {
        let ring = self.ring.as_ref();
        let Some(ring) = ring.filter(|_| stream.encryption_type() == EncryptionType::Kms) else {
            return Ok(None);
        };
        match ring.of(stream.id.group()) {
            Some(key) => Ok(Some(key)),
            None => {
                tracing::error!(stream = %stream.key, "an encrypted stream has no data key");
                Err(refusals::failed())
            }
        }
    }

    /// Begins a stream's next epoch: what is put from now on is sealed with a new key, if the stream is encrypted.
    ///
    /// # Errors
    /// If the key cannot be kept; the one before stays in use.
    pub(crate) async fn begin_epoch(&self, group: GroupId) -> Result<(), KeyRingError> {
        self.change(move |ring| ring.begin_epoch(group)).await
    }

    /// Forgets the keys of a stream that is deleted: what is still on the disk of it can never be read again.
    ///
    /// # Errors
    /// If that cannot be kept: nothing is forgotten then.
    pub(crate) async fn forget(&self, group: GroupId) -> Result<(), KeyRingError> {
        self.change(move |ring| ring.forget(group)).await
    }

    async fn change(
        &self,
        change: impl FnOnce(&KeyRing) -> Result<(), KeyRingError> + Send + 'static,
    ) -> Result<(), KeyRingError> {
        let Some(ring) = self.ring.clone() else {
            return Ok(());
        };
        match self.computing.run(move || change(&ring)).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and nobody waits any more.
                Err(_) => Err(KeyRingError::Closed),
            },
        }
    }
}
