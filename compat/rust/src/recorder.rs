//! What the SDK itself saw of each call, for the table in `docs/compatibility.md`: a line of JSON for each new kind of
//! outcome goes to the file that `MILLSTREAM_COMPAT_SEEN` names, if it names one.

use std::collections::BTreeSet;
use std::io::Write;

use aws_sdk_kinesis::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use parking_lot::Mutex;
use serde_json::{Value, json};

static WRITTEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The content type of the request that was sent last: an answered call's own request is gone.
#[derive(Debug)]
struct Encoding(String);

impl Storable for Encoding {
    type Storer = StoreReplace<Self>;
}

/// Listens to a client's calls; the tests say nothing about what was seen.
#[derive(Debug)]
pub(crate) struct Recorder;

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "compat recorder"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(content_type) = context.request().headers().get("content-type") {
            let encoding = Encoding(content_type.to_owned());
            config.interceptor_state().store_put(encoding);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(path) = std::env::var_os("MILLSTREAM_COMPAT_SEEN") else {
            return Ok(());
        };
        let Some(response) = context.response() else {
            return Ok(());
        };
        let code = response.status().is_client_error().then(|| {
            let body: Option<Value> = response
                .body()
                .bytes()
                .and_then(|body| serde_json::from_slice(body).ok());
            body.map(|body| body["__type"].clone())
        });
        let line = json!({
            "sdk": "Rust",
            "version": aws_sdk_kinesis::meta::PKG_VERSION,
            "operation": config.load::<Metadata>().map(Metadata::name),
            "outcome": if response.status().is_success() { "success" } else { "error" },
            "code": code,
            "encoding": config.load::<Encoding>().map(|encoding| &encoding.0),
            "http": null, // the SDK does not tell
        })
        .to_string();
        let mut written = WRITTEN.lock();
        if !written.contains(&line) {
            let mut file = std::fs::File::options()
                .append(true)
                .create(true)
                .open(path)?;
            writeln!(file, "{line}")?;
            written.insert(line);
        }
        Ok(())
    }
}
