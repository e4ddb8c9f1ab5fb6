//! GetRecords.

use std::time::Duration;

use bytes::Bytes;
use millstream_wire::{ApiError, decode_get_records, encode_get_records};

use super::dispatch::Call;
use super::{Kinesis, busy};

/// How long a read waits for its turn among the other reads.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

impl Kinesis {
    pub(super) async fn get_records(&self, call: Call) -> Result<Bytes, ApiError> {
        let request = decode_get_records(call.encoding, &call.body.bytes)?;
        // Each read may hold 10 MiB twice, as records and as an answer. The turn ends when the answer is made; from then
        // on its bytes count.
        let _turn = match self.reads.try_acquire() {
            Ok(turn) => turn,
            Err(_) => tokio::time::timeout(TURN_TIMEOUT, self.reads.acquire())
                .await
                .ok()
                .and_then(Result::ok)
                .ok_or_else(|| busy("reads"))?,
        };
        let output = self.streams.get_records(&call.caller, request).await?;
        self.hold(encode_get_records(call.encoding, &output))
    }
}
