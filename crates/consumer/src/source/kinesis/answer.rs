//! An answer to GetRecords, read without the SDK's reader.
//!
//! A worker at full speed does little else than read these. The SDK makes a value of each member of each record; here a
//! record is made of what stands in the body, and the data of neighbours shares an allocation. Whatever is not a success in
//! JSON, or holds anything that is not expected here, is left to the SDK: it is the one that knows the service.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents, RuntimePlugin};
use aws_sdk_kinesis::operation::get_records::{GetRecords, GetRecordsOutput};
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use base64_simd::{Out, STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{ExtendedSequenceNumber, Record};

/// Data of records is decoded into pieces of so much: whoever keeps one small record keeps at most this with it.
const PIECE_BYTES: usize = 16 << 10;

/// Reads the answer to one call, and holds its records until they are taken.
#[derive(Debug, Clone, Default)]
pub(in crate::source) struct Answer(Arc<Mutex<Option<Vec<Record>>>>);

impl Answer {
    /// The records of the answer; `None` if the SDK has read it, whose output has them.
    pub(in crate::source) fn take(&self) -> Option<Vec<Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The rest of the answer, if all of it is understood.
    fn read(&self, response: &HttpResponse) -> Option<GetRecordsOutput> {
        let content_type = response.headers().get("content-type")?;
        if !response.status().is_success() || content_type != "application/x-amz-json-1.1" {
            return None;
        }
        let (records, output) = read(response.body().bytes()?)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(records);
        Some(output)
    }
}

impl Intercept for Answer {
    fn name(&self) -> &'static str {
        "Answer"
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let reader = SharedResponseDeserializer::new(self.clone());
        config.interceptor_state().store_put(reader);
        Ok(())
    }
}

impl DeserializeResponse for Answer {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        config: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        match self.read(response) {
            Some(output) => Ok(Output::erase(output)),
            None => read_by_sdk(response, config),
        }
    }
}

fn read_by_sdk(
    response: &HttpResponse,
    config: &ConfigBag,
) -> Result<Output, OrchestratorError<Error>> {
    let of_operation = GetRecords::new().config();
    let reader = of_operation
        .as_ref()
        .and_then(|layer| layer.load::<SharedResponseDeserializer>());
    match reader {
        Some(reader) => reader.deserialize_nonstreaming_with_config(response, config),
        None => Err(OrchestratorError::other(
            "the SDK has no reader of GetRecords",
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(borrow)]
    records: Vec<BodyRecord<'a>>,
    next_shard_iterator: Option<String>,
    millis_behind_latest: Option<i64>,
    /// At a shard's end.
    child_shards: Option<IgnoredAny>,
}

/// Numbers and base64 need no escapes; a service that writes some all the same is read by the SDK.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BodyRecord<'a> {
    sequence_number: &'a str,
    data: &'a str,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    approximate_arrival_timestamp: Option<f64>,
}

fn read(body: &[u8]) -> Option<(Vec<Record>, GetRecordsOutput)> {
    // A text that is known to be one is read faster than bytes, each text in which is looked at for itself.
    let body: Body<'_> = serde_json::from_str(std::str::from_utf8(body).ok()?).ok()?;
    if body.child_shards.is_some() {
        return None;
    }
    let output = GetRecordsOutput::builder()
        .set_records(Some(Vec::new()))
        .set_next_shard_iterator(body.next_shard_iterator)
        .set_millis_behind_latest(body.millis_behind_latest)
        .build()
        .ok()?;
    let mut records = Vec::with_capacity(body.records.len());
    for piece in pieces(&body.records) {
        read_piece(&body.records[piece], &mut records)?;
    }
    Some((records, output))
}

/// Neighbours whose data goes into one allocation.
fn pieces(records: &[BodyRecord<'_>]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let (mut end, mut bytes) = (start, 0);
        while let Some(record) = records.get(end)
            && (end == start || bytes + record.data.len() <= PIECE_BYTES)
        {
            bytes += record.data.len();
            end += 1;
        }
        let piece = start..end;
        start = end;
        (!piece.is_empty()).then_some(piece)
    })
}

fn read_piece(of_body: &[BodyRecord<'_>], records: &mut Vec<Record>) -> Option<()> {
    let room: usize = of_body.iter().map(|record| record.data.len() / 4 * 3).sum();
    let mut piece = vec![0; room];
    let (mut end, mut ends) = (0, Vec::with_capacity(of_body.len()));
    for record in of_body {
        let free = Out::from_slice(&mut piece[end..]);
        end += STANDARD.decode(record.data.as_bytes(), free).ok()?.len();
        ends.push(end);
    }
    piece.truncate(end);
    let piece = Bytes::from(piece);
    let mut start = 0;
    for (record, end) in of_body.iter().zip(ends) {
        let place = ExtendedSequenceNumber::new(record.sequence_number, 0).ok()?;
        let key = record.partition_key.as_ref();
        records.push(Record {
            arrived_at: record.approximate_arrival_timestamp.and_then(moment),
            ..Record::new(place, key, piece.slice(start..end))
        });
        start = end;
    }
    Some(())
}

/// Seconds since 1970: whole milliseconds, of which the fraction that comes is seldom exactly that many.
pub(super) fn moment(seconds: f64) -> Option<SystemTime> {
    let ms = (seconds * 1000.0).round();
    let since = (ms >= 0.0).then(|| Duration::from_millis(ms as u64))?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests {
    use aws_smithy_json::protocol::aws_json_rpc::AwsJsonRpcProtocol;
    use aws_smithy_schema::protocol::SharedClientProtocol;
    use aws_smithy_types::body::SdkBody;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::record;
    use super::*;

    fn response(status: u16, body: &Value) -> HttpResponse {
        let body = SdkBody::from(body.to_string());
        let mut response = HttpResponse::new(status.try_into().unwrap(), body);
        let content_type = "application/x-amz-json-1.1";
        response.headers_mut().insert("content-type", content_type);
        response
    }

    /// What the SDK makes of the same answer.
    fn by_sdk(response: &HttpResponse) -> GetRecordsOutput {
        let mut config = ConfigBag::base();
        let protocol = SharedClientProtocol::new(AwsJsonRpcProtocol::aws_json_1_1());
        config.interceptor_state().store_put(protocol);
        read_by_sdk(response, &config).unwrap().downcast().unwrap()
    }

    fn any_record() -> impl Strategy<Value = Value> {
        let data = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            proptest::collection::vec(any::<u8>(), 10_000..20_000),
        ];
        let key = prop_oneof!["[a-z]{1,20}", any::<String>()];
        (0..u128::MAX, data, key, any::<u32>(), 0..1000u32).prop_map(
            |(number, data, key, s, ms)| {
                json!({
                    "SequenceNumber": number.to_string(),
                    "Data": STANDARD.encode_to_string(data),
                    "PartitionKey": key,
                    "ApproximateArrivalTimestamp": f64::from(s) + f64::from(ms) / 1000.0,
                    "EncryptionType": "NONE",
                })
            },
        )
    }

    proptest! {
        #[test]
        fn an_answer_is_read_as_by_the_sdk(records in proptest::collection::vec(any_record(), 0..30)) {
            let body = json!({"Records": records, "NextShardIterator": "next", "MillisBehindLatest": 17});
            let response = response(200, &body);
            let answer = Answer::default();
            let output = answer.read(&response).unwrap();
            let sdk = by_sdk(&response);
            prop_assert_eq!(&output.next_shard_iterator, &sdk.next_shard_iterator);
            prop_assert_eq!(output.millis_behind_latest, sdk.millis_behind_latest);
            let expected: Vec<Record> = sdk.records.into_iter().map(|one| record(one).unwrap()).collect();
            prop_assert_eq!(answer.take().unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_expected_is_left_to_the_sdk() {
        let record = json!({"SequenceNumber": "1", "Data": "YQ==", "PartitionKey": "k"});
        let body = |record: &Value| json!({"Records": [record], "MillisBehindLatest": 0});
        assert!(
            Answer::default()
                .read(&response(200, &body(&record)))
                .is_some()
        );
        assert!(
            Answer::default()
                .read(&response(400, &body(&record)))
                .is_none()
        );
        for (member, wrong) in [
            ("SequenceNumber", json!("one")),
            ("SequenceNumber", Value::Null),
            ("Data", json!("YQ=")),
            ("Data", json!("Y\\u0051==")),
            ("PartitionKey", json!(7)),
        ] {
            let mut changed = record.clone();
            changed[member] = wrong;
            let answer = Answer::default();
            assert!(
                answer.read(&response(200, &body(&changed))).is_none(),
                "{changed}"
            );
            assert!(answer.take().is_none());
        }
        // The shards that follow one that has ended come once.
        let mut end = body(&record);
        end["ChildShards"] = json!([{"ShardId": "shardId-000000000001"}]);
        assert!(Answer::default().read(&response(200, &end)).is_none());
    }

    #[test]
    fn who_keeps_a_small_record_keeps_little_with_it() {
        let data = STANDARD.encode_to_string([7; 100]);
        let record = |number: u32| json!({"SequenceNumber": number.to_string(), "Data": data, "PartitionKey": "k"});
        let records: Vec<Value> = (0..1000).map(record).collect();
        let body = json!({"Records": records}).to_string();
        let body: Body<'_> = serde_json::from_str(&body).unwrap();
        let pieces: Vec<Range<usize>> = pieces(&body.records).collect();
        assert!(pieces.iter().all(|piece| piece.len() * 136 <= PIECE_BYTES));
        assert_eq!(pieces.last().unwrap().end, 1000);
    }
}
