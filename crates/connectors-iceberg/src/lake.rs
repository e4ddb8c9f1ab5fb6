//! A catalog of one table and its bucket for tests, over the loopback and in memory. It loses answers as it is told.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use iceberg::spec::{Schema, TableMetadata, TableMetadataBuilder, UnboundPartitionSpec};
use iceberg::{TableCreation, TableRequirement, TableUpdate};
use millstream_connectors::format;
use millstream_connectors::sinks::s3::Access;
use millstream_types::SystemClock;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::storage::Buckets;
use crate::{Catalog, Iceberg, Target, Who};

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// Nothing is done, and the answer is an error.
    Refuse,
}

#[derive(Debug, Default)]
struct State {
    table: Option<TableMetadata>,
    moods: VecDeque<Mood>,
    commits: usize,
    conflicts: usize,
}

/// The catalog, and the bucket.
#[derive(Debug)]
pub(crate) struct Lake {
    url: Uri,
    store: Arc<InMemory>,
    state: Arc<Mutex<State>>,
    _task: AbortOnDropHandle<()>,
}

/// A worker of the pipeline `trades`, whose tables are in this catalog and this bucket.
pub(crate) fn worker_of(
    catalog: Catalog,
    store: Arc<dyn ObjectStore>,
    schema: Option<&format::Schema>,
) -> Iceberg {
    let who = Credentials::new("key", "secret", None, None, "tests");
    let access = Access {
        bucket: String::new(),
        region: "eu-west-1".into(),
        endpoint: None,
        credentials: SharedCredentialsProvider::new(who),
    };
    let target = Target {
        namespace: vec!["market".into()],
        table: "trades".into(),
        schema: schema.cloned(),
        writer: "trades".into(),
    };
    Iceberg::on(catalog, Buckets::with(access, "lake", store), target)
}

impl Lake {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let kept = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&kept);
                let service = service_fn(move |request: Request<Incoming>| {
                    let state = Arc::clone(&state);
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let answer = state.lock().answer(&head.method, head.uri.path(), &body);
                        let (status, said) = answer.ok_or_else(|| io::Error::other("cut off"))?;
                        let mut response = Response::new(Full::new(Bytes::from(said.to_string())));
                        *response.status_mut() = StatusCode::from_u16(status).unwrap();
                        Ok::<_, io::Error>(response)
                    }
                });
                let http1 = hyper::server::conn::http1::Builder::new();
                connections.spawn(http1.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            url: url.parse().unwrap(),
            store: Arc::default(),
            state,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// A worker of the pipeline `trades`.
    pub(crate) fn worker(&self, schema: Option<&format::Schema>) -> Iceberg {
        let clock = Arc::new(SystemClock);
        let catalog = Catalog::rest(&self.url, None, Who::Nobody, None, clock).unwrap();
        worker_of(catalog, Arc::clone(&self.store) as _, schema)
    }

    /// Makes the table.
    pub(crate) fn make(&self, schema: Schema, partitions: UnboundPartitionSpec) {
        self.state.lock().make(schema, Some(partitions));
    }

    pub(crate) fn expect(&self, mood: Mood) {
        self.state.lock().moods.push_back(mood);
    }

    /// Commits that were done, and conflicts.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.commits, state.conflicts)
    }

    pub(crate) fn table(&self) -> TableMetadata {
        self.state.lock().table.clone().unwrap()
    }
}

impl State {
    fn make(&mut self, schema: Schema, partition_spec: Option<UnboundPartitionSpec>) {
        let creation = TableCreation::builder()
            .name("trades".to_owned())
            .location("s3://lake/market/trades".to_owned())
            .schema(schema)
            .partition_spec_opt(partition_spec)
            .build();
        let made = TableMetadataBuilder::from_table_creation(creation).unwrap();
        self.table = Some(made.build().unwrap().metadata);
    }

    /// None cuts the connection.
    fn answer(&mut self, method: &Method, path: &str, body: &[u8]) -> Option<(u16, Value)> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        Some(match (method, path) {
            (&Method::GET, "/v1/config") => (200, json!({ "overrides": { "prefix": "lake" } })),
            (&Method::POST, "/v1/lake/namespaces") => (409, json!({})),
            (&Method::POST, "/v1/lake/namespaces/market/tables") => {
                self.make(
                    serde_json::from_value(body["schema"].clone()).unwrap(),
                    None,
                );
                (200, json!({}))
            }
            (&Method::GET, "/v1/lake/namespaces/market/tables/trades") => match &self.table {
                None => (404, json!({})),
                Some(table) => (200, json!({ "metadata": table })),
            },
            (&Method::POST, "/v1/lake/namespaces/market/tables/trades") => {
                let mood = self.moods.pop_front();
                if mood == Some(Mood::Refuse) {
                    return Some((503, json!({ "error": { "message": "not now" } })));
                }
                let answer = self.commit(&body);
                if mood == Some(Mood::LoseAnswer) {
                    return None;
                }
                answer
            }
            other => panic!("{other:?}"),
        })
    }

    fn commit(&mut self, body: &Value) -> (u16, Value) {
        let table = self.table.clone().unwrap();
        let requirements: Vec<TableRequirement> =
            serde_json::from_value(body["requirements"].clone()).unwrap();
        if requirements
            .iter()
            .any(|one| one.check(Some(&table)).is_err())
        {
            self.conflicts += 1;
            return (
                409,
                json!({ "error": { "message": "somebody was faster" } }),
            );
        }
        let updates: Vec<TableUpdate> = serde_json::from_value(body["updates"].clone()).unwrap();
        let builder = table.into_builder(None);
        let builder = updates
            .into_iter()
            .try_fold(builder, |builder, update| update.apply(builder));
        let table = builder.unwrap().build().unwrap().metadata;
        self.commits += 1;
        self.table = Some(table.clone());
        (
            200,
            json!({ "metadata-location": "s3://lake/market/trades/metadata/v.json", "metadata": table }),
        )
    }
}
