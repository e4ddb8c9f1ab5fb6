//! UpdateMaxRecordSize.

use millstream_catalog::Setting;
use millstream_wire::shapes::UpdateMaxRecordSizeRequest;

use crate::Failure;
use crate::call::{Call, operation};

operation! {
    /// Sets the largest record, data and partition key, that puts accept from now on. Larger records that are there
    /// already stay readable.
    ///
    /// If the future is dropped, the size may still change.
    UpdateMaxRecordSize: update_max_record_size(UpdateMaxRecordSizeRequest) -> ()
}

async fn update_max_record_size(
    call: &Call<'_>,
    request: UpdateMaxRecordSizeRequest,
) -> Result<(), Failure> {
    let stream = call.stream(&request)?;
    let kib = request.max_record_size_in_kib;
    call.update_setting(&stream, Setting::MaxRecordSize { kib })
        .await
}
