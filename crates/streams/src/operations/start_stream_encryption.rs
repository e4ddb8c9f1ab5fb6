//! StartStreamEncryption.

use millstream_catalog::Setting;
use millstream_wire::shapes::StartStreamEncryptionRequest;

use crate::Failure;
use crate::call::{Call, operation};
use crate::rules::encryption_key::check_key;

operation! {
    /// Encrypts the records that are put from now on, as far as the API shows it: descriptions name the key, and
    /// answers mark records that were put while a key was set. There is no key service to ask: the bytes on the disk
    /// are not encrypted with the key.
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
    call.update_setting(&stream, setting).await
}
