//! Bodies that come compressed, as DynamoDB and CloudWatch take them. What comes out is bounded like any body, however
//! small what went in.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::{ByteBudget, Reservation};

/// How much is inflated between two chances for others to run.
const STEP_BYTES: usize = 64 << 10;

/// A body as it was before it was compressed, and the memory that is taken for it.
#[derive(Debug)]
pub(crate) struct Inflated {
    pub(crate) bytes: Bytes,
    _reservation: Reservation,
}

/// Why a body cannot be inflated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// It is no gzip, or is cut off.
    Malformed,
    /// There is no memory for it now.
    NoRoom,
    /// It would have more than the most bytes that a body may have.
    TooLarge,
}

/// Inflates a body in steps; dropping the future gives all memory back. Memory for at most `bytes_max` bytes is taken
/// from `bodies` before it is used, and no more than `bytes_max` bytes are ever inflated.
pub(crate) async fn inflate(
    compressed: &Bytes,
    bodies: &Arc<ByteBudget>,
    bytes_max: usize,
) -> Result<Inflated, InflateError> {
    let mut reservation = bodies.try_reserve(0).ok_or(InflateError::NoRoom)?;
    let mut decoder = MultiGzDecoder::new(&compressed[..]);
    let mut step = vec![0; STEP_BYTES];
    let mut inflated = Vec::new();
    let mut reserved_bytes = 0;
    loop {
        let count = decoder
            .read(&mut step)
            .map_err(|_| InflateError::Malformed)?;
        if count == 0 {
            break;
        }
        let size_bytes = inflated.len() + count;
        if size_bytes > bytes_max {
            return Err(InflateError::TooLarge);
        }
        if size_bytes > reserved_bytes {
            let more_bytes = reserved_bytes
                .max(STEP_BYTES)
                .min(bytes_max - reserved_bytes);
            if !reservation.try_grow(more_bytes) {
                return Err(InflateError::NoRoom);
            }
            reserved_bytes += more_bytes;
            inflated.reserve_exact(reserved_bytes - inflated.len());
        }
        inflated.extend_from_slice(&step[..count]);
        tokio::task::yield_now().await;
    }
    Ok(Inflated {
        bytes: inflated.into(),
        _reservation: reservation,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn compressed(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    #[tokio::test]
    async fn a_body_comes_out_as_it_went_in() {
        let bodies = ByteBudget::new(1 << 20);
        let text: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        for text in [&text[..], b"{}", b""] {
            let inflated = inflate(&compressed(text), &bodies, 200_000).await.unwrap();
            assert_eq!(inflated.bytes, text);
        }
        assert_eq!(bodies.free_bytes(), 1 << 20);
    }

    #[tokio::test]
    async fn a_small_body_becomes_no_large_one() {
        let bodies = ByteBudget::new(1 << 20);
        let bomb = compressed(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 100_000);
        let error = inflate(&bomb, &bodies, 512 << 10).await.unwrap_err();
        assert_eq!(error, InflateError::TooLarge);
        let error = inflate(&bomb, &bodies, 32 << 20).await.unwrap_err();
        assert_eq!(error, InflateError::NoRoom);
        assert_eq!(bodies.free_bytes(), 1 << 20);
    }

    #[tokio::test]
    async fn what_is_no_gzip_or_cut_off_is_malformed() {
        let bodies = ByteBudget::new(1 << 20);
        let whole = compressed(b"{\"TableName\": \"leases\"}");
        for malformed in [Bytes::from_static(b"{}"), whole.slice(..whole.len() - 4)] {
            let error = inflate(&malformed, &bodies, 1 << 10).await.unwrap_err();
            assert_eq!(error, InflateError::Malformed);
        }
    }
}
