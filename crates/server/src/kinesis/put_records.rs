//! PutRecords.

use millstream_wire::shapes::PutRecordsResultEntry;
use millstream_wire::{ApiError, decode_put_records, encode_put_records};

use super::Kinesis;
use super::dispatch::{Call, Done};

impl Kinesis {
    pub(super) async fn put_records(&self, call: Call<'_>) -> Result<Done, ApiError> {
        let request = decode_put_records(call.encoding, &call.body.bytes)?;
        let put = self.streams.put_records(call.caller, request);
        // The records are in the log's hands: their body need not wait for the disk.
        drop(call.body);
        let output = put.await?;
        let is_stored =
            |result: &&PutRecordsResultEntry| matches!(result, PutRecordsResultEntry::Stored(_));
        Ok(Done {
            records: output.records.iter().filter(is_stored).count(),
            body: encode_put_records(call.encoding, &output).into(),
            beside: None,
        })
    }
}
