//! GetRecords.

use millstream_wire::{ApiError, decode_get_records, encode_get_records};

use super::Kinesis;
use super::dispatch::{Call, Done};

impl Kinesis {
    pub(super) async fn get_records(&self, call: Call<'_>) -> Result<Done, ApiError> {
        let request = decode_get_records(call.encoding, &call.body.bytes)?;
        let (output, behind) = match call.counts_behind {
            false => (self.streams.get_records(call.caller, request).await?, None),
            true => {
                let counting = Box::pin(self.streams.get_records_counting(call.caller, request));
                let (output, behind) = counting.await?;
                (output, Some(behind))
            }
        };
        // Nothing waits between the records and here, where their bytes begin to count.
        let body = encode_get_records(call.encoding, &output);
        Ok(Done {
            body: self.hold(&call.caller.account, body)?,
            records: output.records.len(),
            behind,
        })
    }
}
