//! What a server tells of a shard's keys that counts them.

use std::sync::Arc;

use aws_sdk_kinesis::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::BoxError;
use millstream_types::ShardHeat;
use millstream_wire::hot_keys;
use parking_lot::Mutex;

/// Takes the header from a GetRecords' answer; nothing where the service counts no keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Arc<Mutex<Option<ShardHeat>>>);

impl Told {
    pub(super) fn heat(&self) -> Option<ShardHeat> {
        self.0.lock().take()
    }
}

impl Intercept for Told {
    fn name(&self) -> &'static str {
        "Told"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let text = context.response().headers().get(hot_keys::HEADER);
        *self.0.lock() = text.and_then(hot_keys::decode);
        Ok(())
    }
}
