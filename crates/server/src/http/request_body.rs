//! A request's body, collected into one buffer. Bytes are reserved as they come: what a client declares and does not
//! send takes nothing from anybody.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Version;
use http_body::Body;
use hyper::body::Incoming;

use super::{ByteBudget, Connection, Holder, Reservation};

/// The buffer begins with at most this many bytes, and a client that is not known gets no more.
const FIRST_BYTES: usize = 64 * 1024;
/// The buffer grows by this factor: a client has sent a sixteenth of what is reserved for it, and no more than a
/// fifteenth of a body is copied again.
const GROWTH: usize = 16;

/// A whole body. Its bytes count as in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct RequestBody {
    pub(crate) bytes: Bytes,
    _reservation: Reservation,
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Longer than one body may be.
    TooLarge,
    /// Too many bytes of bodies are in flight.
    NoRoom,
    /// It is large, and its sender is nobody from whom large bodies are taken.
    Unwelcome,
    /// It stopped before its end, or took too long.
    Incomplete,
}

/// Reads a body of at most `bytes_max` bytes.
///
/// `sender` says on whose account its bytes are, by the request's head alone; it is asked only about bodies that do
/// not come in one small piece. From a sender of whom it knows nothing, only small bodies are taken.
///
/// With HTTP/1.1 the connection's socket keeps the deadline; here it is kept for HTTP/2, where each stream has its
/// own. Dropping the future gives the reserved bytes back.
pub(crate) async fn read_body(
    incoming: Incoming,
    version: Version,
    connection: &Connection,
    budget: &Arc<ByteBudget>,
    bytes_max: usize,
    sender: impl FnOnce() -> Option<Holder>,
) -> Result<RequestBody, BodyError> {
    let collect = collect(incoming, connection, budget, bytes_max, sender);
    let result = if version == Version::HTTP_2 {
        tokio::select! {
            biased;
            result = collect => result,
            () = connection.body_is_overdue() => Err(BodyError::Incomplete),
        }
    } else {
        collect.await
    };
    connection.body_done();
    if matches!(
        result,
        Err(BodyError::TooLarge | BodyError::NoRoom | BodyError::Unwelcome)
    ) {
        connection.leave_body_unread();
    }
    result
}

async fn collect(
    mut incoming: Incoming,
    connection: &Connection,
    budget: &Arc<ByteBudget>,
    bytes_max: usize,
    sender: impl FnOnce() -> Option<Holder>,
) -> Result<RequestBody, BodyError> {
    let declared_bytes = declared_size(&incoming, bytes_max)?;
    let Some(first) = next_data(&mut incoming).await? else {
        return whole(Bytes::new(), budget.try_reserve(0));
    };
    // Most bodies come in one piece, which needs no copy.
    let is_whole = declared_bytes == Some(first.len());
    if is_whole && first.len() <= FIRST_BYTES {
        let reservation = budget.try_reserve(first.len());
        return whole(first, reservation);
    }
    let known = sender();
    let most_bytes = if known.is_some() {
        bytes_max
    } else {
        FIRST_BYTES
    };
    if declared_bytes.is_some_and(|declared| declared > most_bytes) {
        return Err(BodyError::Unwelcome);
    }
    let holder = known.unwrap_or_else(|| Holder::peer(connection.peer));
    if is_whole {
        let reservation = budget.try_reserve_for(holder, first.len());
        return whole(first, reservation);
    }
    let reservation = budget.try_reserve_for(holder, 0).ok_or(BodyError::NoRoom)?;
    let mut gathering = Gathering {
        buffer: BytesMut::new(),
        reservation,
        most_bytes: declared_bytes.unwrap_or(most_bytes),
    };
    let mut next = Some(first);
    while let Some(data) = next {
        gathering.add(&data).map_err(|error| match error {
            BodyError::TooLarge if most_bytes < bytes_max => BodyError::Unwelcome,
            error => error,
        })?;
        drop(data);
        next = next_data(&mut incoming).await?;
    }
    Ok(RequestBody {
        bytes: gathering.buffer.freeze(),
        _reservation: gathering.reservation,
    })
}

fn whole(bytes: Bytes, reservation: Option<Reservation>) -> Result<RequestBody, BodyError> {
    Ok(RequestBody {
        bytes,
        _reservation: reservation.ok_or(BodyError::NoRoom)?,
    })
}

/// A body that comes in pieces.
struct Gathering {
    buffer: BytesMut,
    reservation: Reservation,
    /// How long it will be, or may be.
    most_bytes: usize,
}

impl Gathering {
    fn add(&mut self, data: &[u8]) -> Result<(), BodyError> {
        let size_bytes = self.buffer.len() + data.len();
        if size_bytes > self.most_bytes {
            return Err(BodyError::TooLarge);
        }
        let reserved_bytes = self.reservation.size_bytes();
        if size_bytes > reserved_bytes {
            let room_bytes = size_bytes
                .saturating_mul(GROWTH)
                .max(FIRST_BYTES)
                .min(self.most_bytes);
            if !self.reservation.try_grow(room_bytes - reserved_bytes) {
                return Err(BodyError::NoRoom);
            }
            self.buffer.reserve(room_bytes - self.buffer.len());
        }
        self.buffer.extend_from_slice(data);
        Ok(())
    }
}

fn declared_size(incoming: &Incoming, bytes_max: usize) -> Result<Option<usize>, BodyError> {
    match incoming.size_hint().exact() {
        None => Ok(None),
        Some(declared) => usize::try_from(declared)
            .ok()
            .filter(|&declared| declared <= bytes_max)
            .map(Some)
            .ok_or(BodyError::TooLarge),
    }
}

async fn next_data(incoming: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *incoming).poll_frame(cx)).await;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(BodyError::Incomplete),
            Some(Ok(frame)) => {
                // Trailers say nothing here.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
