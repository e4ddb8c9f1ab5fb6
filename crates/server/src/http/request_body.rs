//! A request's body, collected once into one buffer whose bytes were reserved before.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Version;
use http_body::Body;
use hyper::body::Incoming;

use super::{ByteBudget, Connection, Reservation};

/// Bodies without a Content-Length grow their reservation in steps of at least this many bytes.
const GROWTH_BYTES: usize = 64 * 1024;

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
    /// It stopped before its end, or took too long.
    Incomplete,
}

/// Reads a body of at most `bytes_max` bytes.
///
/// With HTTP/1.1 the connection's socket keeps the deadline; here it is kept for HTTP/2, where each stream has its
/// own. Dropping the future gives the reserved bytes back.
pub(crate) async fn read_body(
    incoming: Incoming,
    version: Version,
    connection: &Connection,
    budget: &Arc<ByteBudget>,
    bytes_max: usize,
) -> Result<RequestBody, BodyError> {
    let result = if version == Version::HTTP_2 {
        let time: Duration = connection.deadlines.body;
        match tokio::time::timeout(time, collect(incoming, budget, bytes_max)).await {
            Ok(result) => result,
            Err(_) => Err(BodyError::Incomplete),
        }
    } else {
        collect(incoming, budget, bytes_max).await
    };
    connection.body_done();
    if matches!(result, Err(BodyError::TooLarge | BodyError::NoRoom)) {
        connection.leave_body_unread();
    }
    result
}

async fn collect(
    mut incoming: Incoming,
    budget: &Arc<ByteBudget>,
    bytes_max: usize,
) -> Result<RequestBody, BodyError> {
    let declared_bytes = declared_size(&incoming, bytes_max)?;
    let mut reservation = budget
        .try_reserve(declared_bytes.unwrap_or(0))
        .ok_or(BodyError::NoRoom)?;
    let mut reserved_bytes = declared_bytes.unwrap_or(0);
    let mut first = Bytes::new();
    let mut buffer = BytesMut::new();
    while let Some(data) = next_data(&mut incoming).await? {
        let size_bytes = first.len() + buffer.len() + data.len();
        if size_bytes > bytes_max {
            return Err(BodyError::TooLarge);
        }
        if size_bytes > reserved_bytes {
            let more_bytes = (size_bytes - reserved_bytes).max(GROWTH_BYTES);
            if !reservation.try_grow(more_bytes) {
                return Err(BodyError::NoRoom);
            }
            reserved_bytes += more_bytes;
        }
        if buffer.is_empty() && first.is_empty() {
            // Most bodies come in one piece, which needs no copy.
            first = data;
        } else {
            if buffer.is_empty() {
                buffer.reserve(declared_bytes.unwrap_or(size_bytes));
                buffer.extend_from_slice(&std::mem::take(&mut first));
            }
            buffer.extend_from_slice(&data);
        }
    }
    Ok(RequestBody {
        bytes: if buffer.is_empty() {
            first
        } else {
            buffer.freeze()
        },
        _reservation: reservation,
    })
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
