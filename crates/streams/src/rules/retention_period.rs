//! What IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod have in common: all but the direction.

use millstream_catalog::{Rejected, Stream, StreamCommand, StreamId};
use millstream_types::limits::{RETENTION_HOURS_MAX, RETENTION_HOURS_MIN};

use crate::Failure;
use crate::call::{Call, OfStream};

/// The period, if a stream may have it.
fn check_hours(hours: i32) -> Result<u32, Failure> {
    let refused = |text| Err(Failure::invalid_argument(text));
    match u32::try_from(hours) {
        Ok(hours) if (RETENTION_HOURS_MIN..=RETENTION_HOURS_MAX).contains(&hours) => Ok(hours),
        Ok(above) if above > RETENTION_HOURS_MAX => refused(format!(
            "Maximum allowed retention period is {RETENTION_HOURS_MAX} hours. Requested retention period ({hours} \
             hours) is too long."
        )),
        Ok(_) | Err(_) => refused(format!(
            "Minimum allowed retention period is {RETENTION_HOURS_MIN} hours. Requested retention period ({hours} \
             hours) is too short."
        )),
    }
}

fn rejected(reason: Rejected, stream: &Stream, requested: u32) -> Option<Failure> {
    let (existing, relation, other) = match reason {
        Rejected::RetentionIsLonger(existing) => (existing, "shorter", "Decrease"),
        Rejected::RetentionIsShorter(existing) => (existing, "longer", "Increase"),
        _ => return None,
    };
    let name = &stream.key.name;
    Some(Failure::invalid_argument(format!(
        "Requested retention period ({requested} hours) for stream {name} can not be {relation} than existing \
         retention period ({existing} hours). Use {other}RetentionPeriod API."
    )))
}

impl Call<'_> {
    /// Changes the period of a stream by a command for that stream and a period in hours.
    pub(crate) async fn change_retention_period(
        &self,
        request: &impl OfStream,
        hours: i32,
        command: impl FnOnce(StreamId, u32) -> StreamCommand,
    ) -> Result<(), Failure> {
        let stream = self.stream(request)?;
        let requested = check_hours(hours)?;
        let own = |reason| rejected(reason, &stream, requested);
        self.change(&stream, command(stream.id, requested), own)
            .await?;
        Ok(())
    }
}
