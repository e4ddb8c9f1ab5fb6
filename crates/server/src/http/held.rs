//! The bytes of an answer, counted for as long as anybody holds them.

use std::sync::Arc;

use bytes::Bytes;

use super::{ByteBudget, Holder, Reservation};

/// Answers from this size on count as long as they are in memory, unsent bytes included. What is smaller is a part of
/// what its connection, or its HTTP/2 request, counts for.
const LARGE_BYTES: usize = 16 * 1024;

struct Held<B> {
    body: B,
    _reservation: Reservation,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
    fn as_ref(&self) -> &[u8] {
        self.body.as_ref()
    }
}

/// Counts an answer's bytes, `size_bytes` with what is behind them, on its holder until the socket has taken them;
/// `None` if there is no room.
pub(crate) fn hold<B>(
    answers: &Arc<ByteBudget>,
    holder: impl FnOnce() -> Holder,
    body: B,
    size_bytes: usize,
) -> Option<Bytes>
where
    B: AsRef<[u8]> + Into<Bytes> + Send + 'static,
{
    if size_bytes < LARGE_BYTES {
        return Some(body.into());
    }
    let _reservation = answers.try_reserve_for(holder(), size_bytes)?;
    Some(Bytes::from_owner(Held { body, _reservation }))
}
