//! PutRecords.

use std::sync::Arc;

use millstream_catalog::Stream;
use millstream_types::limits::{PUT_RECORDS_BYTES_MAX, PUT_RECORDS_COUNT_MAX};
use millstream_wire::Operation;
use millstream_wire::shapes::{PutRecordsRequest, PutRecordsResponse, PutRecordsResultEntry};

use crate::call::{Call, NamedStream};
use crate::put::{
    Put, PutFailure, Routing, Spread, Submitted, Unplaced, hash_keys, size_bytes, stored,
};
use crate::unverified_texts as texts;
use crate::{Caller, Failure, StreamService, refusals};

/// AWS lists no more errors in one text.
const ERRORS_LISTED_MAX: usize = 10;

impl StreamService {
    /// Stores records. Checked, routed and submitted within the call; the records of one shard are stored together
    /// and in the request's order. The future waits until each is durable or has failed.
    ///
    /// If the future is dropped, the records may still be stored.
    ///
    /// # Errors
    /// See [`Failure`]: nothing is written then. Failures of single records are in the answer.
    pub fn put_records(
        &self,
        caller: &Caller,
        request: PutRecordsRequest<'_>,
    ) -> impl Future<Output = Result<PutRecordsResponse, Failure>> + Send + use<> {
        let call = self.enter(caller, Operation::PutRecords);
        let submitted = submit(&call, &request);
        let served = call.detach();
        async move {
            match submitted {
                Ok(submitted) => {
                    let put = submitted.finish().await;
                    // Only where somebody hears of it; one for each shard.
                    let is_recorded = served.is_recorded();
                    let used = is_recorded.then(|| put.shard_uses().collect::<Vec<_>>());
                    served.end_put(response(&put), &used.unwrap_or_default())
                }
                Err(failure) => served.end(Err(failure)),
            }
        }
    }
}

fn submit(call: &Call<'_>, request: &PutRecordsRequest<'_>) -> Result<Submitted, Failure> {
    call.begun()?;
    let named = call.named(request)?;
    let stream = call.look_up(&named)?;
    if !stream.is_usable() {
        return Err(named.not_found());
    }
    let inner = call.inner();
    let mut routing = route(&stream, &inner.spread, request, &named)?;
    if let Some(admission) = &inner.admission {
        routing.admit(&**admission);
    }
    if let Some(hot_keys) = &inner.hot_keys {
        let key = |place: usize| request.records[place].partition_key.as_deref();
        routing.count_keys(hot_keys, |place| key(place).unwrap_or_default());
    }
    let records = request.records.iter().map(stored);
    let key = inner.record_keys.of_put(&stream)?;
    let (view, engine) = (&inner.view, &inner.engine);
    let submitted = routing.submit(records, view, engine, &inner.traffic, key);
    submitted.map_err(refusals::not_base64)
}

/// Checks every record before any is written: one bad record fails the call.
fn route(
    stream: &Arc<Stream>,
    spread: &Spread,
    request: &PutRecordsRequest<'_>,
    named: &NamedStream<'_>,
) -> Result<Routing, Failure> {
    let records = &request.records;
    if records.len() > PUT_RECORDS_COUNT_MAX {
        return Err(Failure::validation(texts::TOO_MANY_RECORDS));
    }
    let bytes_max = stream.record_bytes_max();
    let mut routing = Routing::new(Arc::clone(stream), records.len());
    let (mut total, mut too_large, mut without_key, mut bad_hash_key) =
        (0, Vec::new(), Vec::new(), None);
    let placed = records.iter().zip(hash_keys(stream, spread, records));
    for (number, (record, hash)) in (1..).zip(placed) {
        let bytes = size_bytes(record);
        total += bytes;
        if bytes > bytes_max && too_large.len() < ERRORS_LISTED_MAX {
            too_large.push(number);
        }
        match hash {
            Ok(hash) if routing.add(hash, bytes) => {}
            Ok(_) | Err(Unplaced::NoShard) => return Err(named.not_found()),
            Err(Unplaced::HashKey(text)) => bad_hash_key = bad_hash_key.or(Some(text)),
            Err(Unplaced::NoPartitionKey) if without_key.len() < ERRORS_LISTED_MAX => {
                without_key.push(number);
            }
            Err(Unplaced::NoPartitionKey) => {}
        }
    }
    if !without_key.is_empty() {
        return Err(for_each(&without_key, |path| {
            texts::must_not_be_null(&format_args!("{path}.partitionKey"))
        }));
    }
    if !too_large.is_empty() {
        return Err(for_each(&too_large, |path| {
            texts::too_long(&format_args!("{path}.data"), bytes_max)
        }));
    }
    if total > PUT_RECORDS_BYTES_MAX {
        return Err(Failure::invalid_argument(texts::RECORDS_TOO_LARGE));
    }
    match bad_hash_key {
        None => Ok(routing),
        Some(text) => Err(refusals::invalid_explicit_hash_key(text)),
    }
}

/// A validation error about each of these records, which are counted from 1.
fn for_each(numbers: &[usize], text: impl Fn(String) -> String) -> Failure {
    let plural = if numbers.len() == 1 { "" } else { "s" };
    let texts: Vec<String> = numbers
        .iter()
        .map(|number| text(format!("records.{number}.member")))
        .collect();
    Failure::validation(format!(
        "{} validation error{plural} detected: {}",
        numbers.len(),
        texts.join("; ")
    ))
}

fn response(put: &Put) -> Result<PutRecordsResponse, Failure> {
    let is_no_room = |result| result == Err(PutFailure::NoRoom);
    if put.results().all(|(_, result)| is_no_room(result)) {
        return Err(refusals::no_room());
    }
    let key = &put.stream.key;
    let records = put.results().map(|(shard, result)| match result {
        Ok(number) => Ok(PutRecordsResultEntry::Stored(number)),
        Err(failure) => {
            let (code, message) = failure.of_record(shard.id, key)?;
            Ok(PutRecordsResultEntry::Failed { code, message })
        }
    });
    Ok(PutRecordsResponse {
        records: records.collect::<Result<_, Failure>>()?,
        encryption_type: put.encryption_type,
    })
}
