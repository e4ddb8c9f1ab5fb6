//! StopStreamEncryption.

use millstream_catalog::Setting;
use millstream_wire::shapes::StopStreamEncryptionRequest;

use crate::Failure;
use crate::call::{Call, operation};
use crate::rules::encryption_key::check_key;

operation! {
    /// Ends what [`start_stream_encryption`](Self::start_stream_encryption) began. The request's key need not be the one
    /// that is set. Records that were put before stay marked.
    ///
    /// If the future is dropped, the encryption may still stop.
    StopStreamEncryption: stop_stream_encryption(StopStreamEncryptionRequest) -> ()
}

async fn stop_stream_encryption(
    call: &Call<'_>,
    request: StopStreamEncryptionRequest,
) -> Result<(), Failure> {
    let stream = call.stream(&request)?;
    check_key(request.encryption_type, &request.key_id)?;
    let setting = Setting::Encryption { key_id: None };
    call.update_setting(&stream, setting).await
}
