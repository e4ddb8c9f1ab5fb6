//! What the clients of a run set of their stream, and what it may be.

use std::collections::BTreeMap;
use std::fmt::Debug;

use millstream_types::EncryptionType;
use millstream_wire::shapes::{
    AddTagsToStreamRequest, DecreaseStreamRetentionPeriodRequest,
    IncreaseStreamRetentionPeriodRequest, ListTagsForStreamRequest, StartStreamEncryptionRequest,
    StopStreamEncryptionRequest,
};
use millstream_wire::{ApiError, ErrorCode};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::clients::{Run, STREAM, pause};

const KEY_ID: &str = "alias/aws/kinesis";
/// Both are set together.
const TAGS: [&str; 2] = ["colour", "paint"];
/// The longest retention period that is ever set.
pub(super) const RETENTION_HOURS_MAX: u32 = 30;
const RETENTION_HOURS_MIN: u32 = 24;

/// A setting: one value, or several while nobody knows which.
#[derive(Debug)]
pub(super) struct Possible<T>(Vec<T>);

impl<T: Copy + PartialEq + Debug> Possible<T> {
    fn answered(&mut self, value: T, answer: Result<(), ApiError>) {
        let code = answer.map_err(|error| error.code);
        match code {
            Ok(()) => self.0 = vec![value],
            Err(ErrorCode::InternalFailure) => self.0.push(value),
            // The stream is in the middle of a change, or the value is the one that it has.
            Err(
                ErrorCode::ResourceInUse
                | ErrorCode::InvalidArgument
                | ErrorCode::LimitExceeded
                | ErrorCode::ServiceUnavailable,
            ) => {}
            Err(other) => panic!("{value:?}: {other:?}"),
        }
    }

    /// Nobody waits for an answer: it is what it is.
    fn found(&mut self, value: T) {
        assert!(self.0.contains(&value), "{value:?} of {self:?}");
        self.0 = vec![value];
    }
}

/// What is set of the stream that is always there.
#[derive(Debug)]
pub(super) struct Settings {
    retention_hours: Possible<u32>,
    encryption: Possible<EncryptionType>,
    tag: Possible<Option<u32>>,
    tags_given: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention_hours: Possible(vec![RETENTION_HOURS_MIN]),
            encryption: Possible(vec![EncryptionType::None]),
            tag: Possible(vec![None]),
            tags_given: 0,
        }
    }
}

/// Sets one thing after the other.
pub(super) async fn change_settings(run: Run, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    loop {
        pause(&mut dice, 150).await;
        match dice.random_range(0..3) {
            0 => {
                let hours = [RETENTION_HOURS_MIN, RETENTION_HOURS_MAX][dice.random_range(0..2)];
                set_retention(&run, hours).await;
            }
            1 => {
                let kinds = [EncryptionType::None, EncryptionType::Kms];
                set_encryption(&run, kinds[dice.random_range(0..2)]).await;
            }
            _ => set_tags(&run).await,
        }
    }
}

type Setting<T> = fn(&mut Settings) -> &mut Possible<T>;

/// Until it is answered, and if the caller is gone before, nobody knows.
fn begin<T: Copy>(run: &Run, setting: Setting<T>, value: T) -> Possible<T> {
    let mut history = run.history.lock();
    let setting = setting(&mut history.settings);
    let before = Possible(setting.0.clone());
    setting.0.push(value);
    before
}

/// Before it was asked for it was one of `before`.
fn end<T: Copy + PartialEq + Debug>(
    run: &Run,
    setting: Setting<T>,
    mut before: Possible<T>,
    value: T,
    answer: Result<(), ApiError>,
) {
    before.answered(value, answer);
    *setting(&mut run.history.lock().settings) = before;
}

async fn set_retention(run: &Run, hours: u32) {
    let setting: Setting<u32> = |settings| &mut settings.retention_hours;
    let before = begin(run, setting, hours);
    let (service, caller) = (&run.world.service().await, &run.world.caller);
    let answer = match hours {
        RETENTION_HOURS_MIN => {
            let request = DecreaseStreamRetentionPeriodRequest {
                stream_name: Some(STREAM.parse().expect("a name")),
                stream_arn: None,
                retention_period_hours: hours.try_into().expect("few"),
            };
            let decreased = service.decrease_stream_retention_period(caller, request);
            decreased.await
        }
        _ => {
            let request = IncreaseStreamRetentionPeriodRequest {
                stream_name: Some(STREAM.parse().expect("a name")),
                stream_arn: None,
                retention_period_hours: hours.try_into().expect("few"),
            };
            let increased = service.increase_stream_retention_period(caller, request);
            increased.await
        }
    };
    end(run, setting, before, hours, answer.map_err(ApiError::from));
}

async fn set_encryption(run: &Run, kind: EncryptionType) {
    let setting: Setting<EncryptionType> = |settings| &mut settings.encryption;
    let before = begin(run, setting, kind);
    let (service, caller) = (&run.world.service().await, &run.world.caller);
    let answer = match kind {
        EncryptionType::Kms => {
            let request = StartStreamEncryptionRequest {
                stream_name: Some(STREAM.parse().expect("a name")),
                stream_arn: None,
                encryption_type: EncryptionType::Kms,
                key_id: KEY_ID.into(),
            };
            service.start_stream_encryption(caller, request).await
        }
        EncryptionType::None => {
            let request = StopStreamEncryptionRequest {
                stream_name: Some(STREAM.parse().expect("a name")),
                stream_arn: None,
                encryption_type: EncryptionType::Kms,
                key_id: KEY_ID.into(),
            };
            service.stop_stream_encryption(caller, request).await
        }
    };
    end(run, setting, before, kind, answer.map_err(ApiError::from));
}

async fn set_tags(run: &Run) {
    let setting: Setting<Option<u32>> = |settings| &mut settings.tag;
    let value = {
        let mut history = run.history.lock();
        history.settings.tags_given += 1;
        history.settings.tags_given
    };
    let before = begin(run, setting, Some(value));
    let tags = TAGS.map(|key| (key.to_owned(), value.to_string()));
    let request = AddTagsToStreamRequest {
        stream_name: Some(STREAM.parse().expect("a name")),
        stream_arn: None,
        tags: BTreeMap::from(tags),
    };
    let service = &run.world.service().await;
    let answer = service.add_tags_to_stream(&run.world.caller, request).await;
    end(
        run,
        setting,
        before,
        Some(value),
        answer.map_err(ApiError::from),
    );
}

/// Compares what the stream says of itself with what it may be.
pub(super) async fn check_settings(run: &Run) {
    let described = run.world.describe(STREAM).await;
    let request = ListTagsForStreamRequest {
        stream_name: Some(STREAM.parse().expect("a name")),
        stream_arn: None,
        exclusive_start_tag_key: None,
        limit: None,
    };
    let service = &run.world.service().await;
    let listed = service.list_tags_for_stream(&run.world.caller, request);
    let listed = listed.await.expect("listed").tags;
    let values: Vec<u32> = listed
        .iter()
        .map(|tag| tag.value.parse().expect("a number"))
        .collect();
    let tag = match values[..] {
        [] => None,
        [one, other] if one == other => Some(one),
        _ => panic!("a part of a change is there: {listed:?}"),
    };
    let mut history = run.history.lock();
    let settings = &mut history.settings;
    settings
        .retention_hours
        .found(described.retention_period_hours);
    let encryption = described.encryption_type;
    settings.encryption.found(encryption);
    settings.tag.found(tag);
}
