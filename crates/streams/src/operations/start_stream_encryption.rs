//! StartStreamEncryption.

use millstream_catalog::Setting;
use millstream_wire::shapes::StartStreamEncryptionRequest;

use crate::Failure;
use crate::call::{Call, operation};
use crate::rules::encryption_key::check_key;

operation! {
    /// Encrypts the records that are put from now on: descriptions name the key, and answers mark records that were put
    /// while a key was set. There is no key service to ask. With keys of the service's own
    /// ([`CallHooks::keys`](crate::CallHooks::keys)) the records are sealed with a new data key of the stream, which is
    /// durable before the stream is ACTIVE again; without, the bytes on the disk are as they were put, and the log says so.
    ///
    /// If the future is dropped, the encryption may still start.
    StartStreamEncryption: start_stream_encryption(StartStreamEncryptionRequest) -> ()
}

async fn start_stream_encryption(
    call: &Call<'_>,
    request: StartStreamEncryptionRequest,
) -> Result<(), Failure> {
    let stream = call.stream(&request)?;
    check_key(request.encryption_type, &request.key_id)?;
    let setting = Setting::Encryption {
        key_id: Some(request.key_id),
    };
    call.update_setting(&stream, setting).await?;
    if call.inner().record_keys.ring().is_none() {
        tracing::warn!(
            stream = %stream.key,
            "the stream is shown as encrypted, and nothing is encrypted: there is no master key"
        );
    }
    Ok(())
}
