//! PutRecord.

use std::sync::Arc;

use millstream_catalog::Stream;
use millstream_types::{OldSequenceNumber, SequenceNumber};
use millstream_wire::shapes::{PutRecordRequest, PutRecordResponse};
use millstream_wire::{ErrorCode, Operation};

use crate::call::Call;
use crate::put::{Put, Routing, Submitted, Unplaced, hash_key, size_bytes, stored};
use crate::unverified_texts as texts;
use crate::{Caller, Failure, StreamService, refusals};

impl StreamService {
    /// Stores a record. Checked, routed and submitted within the call: records that one caller puts on one shard,
    /// call after call, are stored in that order. The future waits until the record is durable.
    ///
    /// If the future is dropped, the record may still be stored.
    ///
    /// # Errors
    /// See [`Failure`]; `InternalFailure` may mean that the record is stored.
    pub fn put_record(
        &self,
        caller: &Caller,
        request: PutRecordRequest<'_>,
    ) -> impl Future<Output = Result<PutRecordResponse, Failure>> + Send + use<> {
        let call = self.enter(caller, Operation::PutRecord);
        let submitted = submit(&call, &request);
        let served = call.detach();
        async move {
            match submitted {
                Ok(submitted) => {
                    let put = submitted.finish().await;
                    let used = put.shard_uses().next();
                    served.end_put(response(&put), used.as_slice())
                }
                Err(failure) => served.end(Err(failure)),
            }
        }
    }
}

fn response(put: &Put) -> Result<PutRecordResponse, Failure> {
    let (shard, result) = put.results().next().ok_or_else(refusals::failed)?;
    let sequence_number = result.map_err(|failure| failure.of_call(shard.id, &put.stream.key))?;
    Ok(PutRecordResponse {
        sequence_number,
        encryption_type: put.encryption_type,
    })
}

fn submit(call: &Call<'_>, request: &PutRecordRequest<'_>) -> Result<Submitted, Failure> {
    call.begun()?;
    let named = call.named(request)?;
    let stream = call.look_up(&named)?;
    if !stream.is_usable() {
        return Err(named.not_found());
    }
    let record = &request.record;
    let bytes = size_bytes(record);
    if bytes > stream.record_bytes_max() {
        let text = texts::too_long(&"data", stream.record_bytes_max());
        return Err(one_error(&text));
    }
    let inner = call.inner();
    let hash = hash_key(&stream, &inner.spread, record);
    let hash = hash.map_err(|unplaced| match unplaced {
        Unplaced::NoPartitionKey => one_error(&texts::must_not_be_null(&"partitionKey")),
        Unplaced::HashKey(text) => refusals::invalid_explicit_hash_key(text),
        Unplaced::NoShard => named.not_found(),
    })?;
    if let Some(number) = request.sequence_number_for_ordering.as_deref() {
        check_minimum(call, number, &stream)?;
    }
    let mut routing = Routing::new(Arc::clone(&stream), 1);
    if !routing.add(hash, bytes) {
        return Err(named.not_found());
    }
    if let Some(admission) = &inner.admission {
        routing.admit(&**admission);
    }
    if let Some(hot_keys) = &inner.hot_keys {
        let key = record.partition_key.as_deref().unwrap_or_default();
        routing.count_keys(hot_keys, |_| key);
    }
    let records = std::iter::once(stored(record));
    let key = inner.record_keys.of_put(&stream)?;
    let (view, engine) = (&inner.view, &inner.engine);
    let submitted = routing.submit(records, view, engine, &inner.traffic, key);
    submitted.map_err(refusals::not_base64)
}

fn one_error(text: &str) -> Failure {
    Failure::validation(format!("1 validation error detected: {text}"))
}

/// A number that was given for a put that was acknowledged is below every number that is given later, in the same
/// shard and in its descendants: there is nothing to do but to refuse what cannot have been given.
fn check_minimum(call: &Call<'_>, text: &str, stream: &Stream) -> Result<(), Failure> {
    // A shard's second of creation, and so its numbers, may be ahead of the clock.
    let now_s = call.now().as_secs().max(stream.last_created_s);
    let old = || {
        text.parse()
            .ok()
            .filter(|old: &OldSequenceNumber| old.version == 1)
    };
    let latest_s = match text.parse::<SequenceNumber>() {
        Ok(number) => Some(number.written_s().max(number.created_s())),
        Err(_) => old().map(|old| old.written_s),
    };
    if latest_s.is_some_and(|latest_s| latest_s <= now_s) {
        return Ok(());
    }
    let (name, account) = (&stream.key.name, &stream.key.account);
    Err(Failure::new(
        ErrorCode::InvalidArgument,
        format!(
            "ExclusiveMinimumSequenceNumber {text} used in PutRecord on stream {name} under account {account} is \
             invalid."
        ),
    ))
}
