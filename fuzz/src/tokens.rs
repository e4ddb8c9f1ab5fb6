//! Iterators, next-tokens and ARNs that no client was given.

use std::sync::{Arc, OnceLock};

use millstream_log::{MemoryEngine, MemorySettings, MemorySnapshots};
use millstream_streams::{Caller, StreamService, StreamSettings};
use millstream_types::SystemClock;
use millstream_wire::shapes::{GetRecordsRequest, ListShardsRequest, ListStreamsRequest};
use millstream_wire::{ApiError, ErrorCode};
use tokio::runtime::Runtime;

/// A service with nothing in it, and what drives it.
struct World {
    runtime: Runtime,
    service: StreamService,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let clock = Arc::new(SystemClock);
        let engine = Arc::new(MemoryEngine::new(MemorySettings::default(), clock.clone()));
        let snapshots = Arc::new(MemorySnapshots::new());
        let opened = StreamService::open(engine, snapshots, clock, StreamSettings::default());
        let service = runtime.block_on(opened).expect("an empty service opens");
        World { runtime, service }
    })
}

/// Any text as a shard iterator, as two kinds of next-token and as a stream's ARN: each is refused as AWS refuses it.
pub fn tokens(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let World { runtime, service } = world();
    let caller = Caller::anyone(
        "210987654321".parse().expect("an account"),
        "eu-west-1".parse().expect("a region"),
    );
    let refusals = runtime.block_on(async {
        let get = GetRecordsRequest {
            shard_iterator: text.to_owned(),
            limit: None,
            stream_arn: None,
        };
        let streams = ListStreamsRequest {
            limit: None,
            exclusive_start_stream_name: None,
            next_token: Some(text.to_owned()),
        };
        let shards = |next_token, stream_arn| ListShardsRequest {
            stream_name: None,
            stream_arn,
            next_token,
            exclusive_start_shard_id: None,
            max_results: None,
            stream_creation_timestamp: None,
            shard_filter: None,
        };
        [
            refusal(service.get_records(&caller, get).await),
            refusal(service.list_streams(&caller, streams).await),
            refusal(
                service
                    .list_shards(&caller, shards(Some(text.to_owned()), None))
                    .await,
            ),
            refusal(
                service
                    .list_shards(&caller, shards(None, Some(text.to_owned())))
                    .await,
            ),
        ]
    });
    for error in refusals {
        let is_expected = matches!(
            error.code,
            ErrorCode::InvalidArgument | ErrorCode::Validation | ErrorCode::ResourceNotFound
        );
        assert!(is_expected, "{error:?}");
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, impl Into<ApiError>>) -> ApiError {
    result.expect_err("nobody was given this").into()
}
