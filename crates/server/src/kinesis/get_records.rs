//! GetRecords.

use millstream_wire::{ApiError, decode_get_records, encode_get_records};

use super::Kinesis;
use super::beside::{Beside, Told};
use super::dispatch::{Call, Done};

impl Kinesis {
    pub(super) async fn get_records(&self, call: Call<'_>) -> Result<Done, ApiError> {
        let request = decode_get_records(call.encoding, &call.body.bytes)?;
        let (output, beside) = match call.beside {
            None => (self.streams.get_records(call.caller, request).await?, None),
            Some(Beside::Behind) => {
                let counting = Box::pin(self.streams.get_records_counting(call.caller, request));
                let (output, behind) = counting.await?;
                (output, Some(Told::Behind(behind)))
            }
            Some(Beside::HotKeys(count)) => {
                let streams = &self.streams;
                let heat = Box::pin(streams.get_records_and_heat(call.caller, request, count));
                let (output, heat) = heat.await?;
                (output, heat.map(Told::Heat))
            }
        };
        // Nothing waits between the records and here, where their bytes begin to count.
        let body = encode_get_records(call.encoding, &output);
        Ok(Done {
            body: self.hold(&call.caller.account, body)?,
            records: output.records.len(),
            beside,
        })
    }
}
