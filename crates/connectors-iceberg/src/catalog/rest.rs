//! A REST catalog.

mod signing;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use iceberg::io::FileIO;
use iceberg::spec::{Schema, TableMetadata};
use iceberg::table::Table;
use iceberg::{
    Error, ErrorKind, NamespaceIdent, TableCommit, TableIdent, TableRequirement, TableUpdate,
};
use millstream_connectors::SinkError;
use millstream_https::{Answer, Https};
use millstream_types::WallClock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{InvalidCatalog, unknown};

pub use signing::Who;

/// A table's metadata has all its snapshots.
const ANSWER_BYTES_MAX: usize = 256 << 20;
const ANSWER_TIME: Duration = Duration::from_secs(30);
const JSON: &str = "application/json";
/// Between the levels of a namespace in a path.
const LEVEL: &str = "%1F";

/// Where it is, and who asks.
#[derive(Debug)]
pub(super) struct Rest {
    url: String,
    warehouse: Option<String>,
    client: Https,
    who: Who,
    clock: Arc<dyn WallClock>,
    /// What comes before everything in paths, as the catalog said.
    prefix: OnceCell<String>,
}

/// What the catalog says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    defaults: serde_json::Map<String, Value>,
    overrides: serde_json::Map<String, Value>,
}

/// A table as it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Loaded {
    metadata_location: Option<String>,
    metadata: TableMetadata,
}

#[derive(Debug, Serialize)]
struct Commit<'a> {
    identifier: &'a TableIdent,
    requirements: Vec<TableRequirement>,
    updates: Vec<TableUpdate>,
}

impl Rest {
    pub(super) fn new(
        url: &Uri,
        warehouse: Option<String>,
        who: Who,
        authorities: Option<&Path>,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, InvalidCatalog> {
        let client = Https::to(url, authorities);
        Ok(Self {
            url: url.to_string().trim_end_matches('/').to_owned(),
            warehouse,
            client: client.map_err(|error| InvalidCatalog(error.to_string()))?,
            who,
            clock,
            prefix: OnceCell::new(),
        })
    }

    pub(super) async fn load(
        &self,
        table: &TableIdent,
        files: FileIO,
    ) -> Result<Option<Table>, SinkError> {
        let answer = self
            .ask(Method::GET, &self.path(table).await?, None)
            .await?;
        match answer.status {
            StatusCode::OK => Ok(Some(opened(table, files, &answer.body)?)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(refusal(&format!("table {table}"), &answer)),
        }
    }

    pub(super) async fn create(
        &self,
        table: &TableIdent,
        schema: &Schema,
    ) -> Result<(), SinkError> {
        let namespaces = format!("{}/namespaces", self.prefix().await?);
        let namespace = json!({ "namespace": table.namespace(), "properties": {} });
        let answer = self
            .ask(Method::POST, &namespaces, Some(&namespace))
            .await?;
        if !(answer.status.is_success() || answer.status == StatusCode::CONFLICT) {
            return Err(refusal(
                &format!("namespace {}", table.namespace()),
                &answer,
            ));
        }
        let tables = format!("{namespaces}/{}/tables", levels(table.namespace()));
        let creation = json!({ "name": table.name(), "schema": schema, "stage-create": false });
        let answer = self.ask(Method::POST, &tables, Some(&creation)).await?;
        if answer.status.is_success() || answer.status == StatusCode::CONFLICT {
            return Ok(());
        }
        Err(refusal(&format!("table {table}"), &answer))
    }

    pub(super) async fn commit(
        &self,
        base: &Table,
        mut commit: TableCommit,
    ) -> iceberg::Result<Table> {
        let table = base.identifier();
        let asked = async {
            let body = serde_json::to_value(Commit {
                identifier: table,
                requirements: commit.take_requirements(),
                updates: commit.take_updates(),
            });
            let body = body.map_err(|error| SinkError::of("the commit", &error))?;
            self.ask(Method::POST, &self.path(table).await?, Some(&body))
                .await
        };
        let answer = asked.await.map_err(unknown)?;
        match answer.status {
            StatusCode::OK => opened(table, base.file_io().clone(), &answer.body).map_err(unknown),
            StatusCode::CONFLICT => Err(Error::new(
                ErrorKind::CatalogCommitConflicts,
                refusal(&format!("commit to {table}"), &answer).message,
            )),
            _ => Err(unknown(refusal(&format!("commit to {table}"), &answer))),
        }
    }

    async fn path(&self, table: &TableIdent) -> Result<String, SinkError> {
        let prefix = self.prefix().await?;
        let (namespace, name) = (levels(table.namespace()), table.name());
        Ok(format!("{prefix}/namespaces/{namespace}/tables/{name}"))
    }

    /// `/v1` and what the catalog wants behind it; asked once.
    async fn prefix(&self) -> Result<&str, SinkError> {
        let asked = self.prefix.get_or_try_init(|| async {
            let query = self.warehouse.as_ref().map_or(String::new(), |warehouse| {
                let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
                query.append_pair("warehouse", warehouse).finish()
            });
            let answer = self
                .ask(Method::GET, &format!("/v1/config{query}"), None)
                .await?;
            if answer.status != StatusCode::OK {
                return Err(refusal("its configuration", &answer));
            }
            let config: Config = serde_json::from_slice(&answer.body)
                .map_err(|error| SinkError::of("the catalog's configuration", &error))?;
            let prefix = config
                .overrides
                .get("prefix")
                .or(config.defaults.get("prefix"));
            Ok(match prefix.and_then(Value::as_str) {
                None | Some("") => "/v1".to_owned(),
                Some(prefix) => format!("/v1/{prefix}"),
            })
        });
        asked.await.map(String::as_str)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, SinkError> {
        let failed =
            |error: &dyn std::error::Error| SinkError::of("a request to the catalog", error);
        let body = Bytes::from(body.map(Value::to_string).unwrap_or_default());
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(ACCEPT, JSON)
            .header(CONTENT_TYPE, JSON)
            .body(Full::new(body.clone()))
            .map_err(|error| failed(&error))?;
        self.who.sign(&mut request, &body, &*self.clock).await?;
        let asked = self
            .client
            .ask(request, ANSWER_BYTES_MAX, ANSWER_TIME)
            .await;
        asked.map_err(|error| SinkError::of("the catalog", &error))
    }
}

fn levels(namespace: &NamespaceIdent) -> String {
    namespace.as_ref().join(LEVEL)
}

fn opened(table: &TableIdent, files: FileIO, answer: &[u8]) -> Result<Table, SinkError> {
    let loaded: Loaded = serde_json::from_slice(answer)
        .map_err(|error| SinkError::of(&format!("table {table}"), &error))?;
    super::opened(table, files, loaded.metadata, loaded.metadata_location)
}

/// What the catalog said, in its own words as far as they can be read.
fn refusal(about: &str, answer: &Answer) -> SinkError {
    let said = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let said = said["error"]["message"].as_str();
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    SinkError::new(format!(
        "the catalog answers {} for {about}{said}",
        answer.status
    ))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn a_refusal_has_the_catalogs_words() {
        let answer = |body: &'static str| Answer {
            status: StatusCode::FORBIDDEN,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        let said = answer(
            r#"{"error": {"message": "not yours", "type": "ForbiddenException", "code": 403}}"#,
        );
        assert_eq!(
            refusal("table a.b", &said).message,
            "the catalog answers 403 Forbidden for table a.b: not yours"
        );
        assert_eq!(
            refusal("table a.b", &answer("<html>")).message,
            "the catalog answers 403 Forbidden for table a.b"
        );
    }

    #[test]
    fn levels_of_a_namespace_stand_apart() {
        let namespace = NamespaceIdent::from_strs(["market", "eu"]).unwrap();
        assert_eq!(levels(&namespace), "market%1Feu");
    }
}
