//! PutRecord.

use bytes::Bytes;
use millstream_wire::{ApiError, decode_put_record, encode_put_record};

use super::Kinesis;
use super::dispatch::Call;

impl Kinesis {
    pub(super) async fn put_record(&self, call: Call) -> Result<Bytes, ApiError> {
        let request = decode_put_record(call.encoding, &call.body.bytes)?;
        let put = self.streams.put_record(&call.caller, request);
        // The record is in the log's hands: its body need not wait for the disk.
        drop(call.body);
        let output = put.await?;
        Ok(encode_put_record(call.encoding, &output).into())
    }
}
