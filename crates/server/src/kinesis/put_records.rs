//! PutRecords.

use bytes::Bytes;
use millstream_wire::{ApiError, decode_put_records, encode_put_records};

use super::Kinesis;
use super::dispatch::Call;

impl Kinesis {
    pub(super) async fn put_records(&self, call: Call) -> Result<Bytes, ApiError> {
        let request = decode_put_records(call.encoding, &call.body.bytes)?;
        let put = self.streams.put_records(&call.caller, request);
        // The records are in the log's hands: their body need not wait for the disk.
        drop(call.body);
        let output = put.await?;
        Ok(encode_put_records(call.encoding, &output).into())
    }
}
