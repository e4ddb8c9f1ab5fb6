//! PutRecord.

use millstream_wire::{ApiError, decode_put_record, encode_put_record};

use super::Kinesis;
use super::dispatch::{Call, Done};

impl Kinesis {
    pub(super) async fn put_record(&self, call: Call<'_>) -> Result<Done, ApiError> {
        let request = decode_put_record(call.encoding, &call.body.bytes)?;
        let put = self.streams.put_record(call.caller, request);
        // The record is in the log's hands: its body need not wait for the disk.
        drop(call.body);
        let output = put.await?;
        Ok(Done {
            body: encode_put_record(call.encoding, &output).into(),
            records: 1,
            beside: None,
        })
    }
}
