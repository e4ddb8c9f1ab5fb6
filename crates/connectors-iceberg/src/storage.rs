//! Files of a table in buckets, over the client of the sink `s3`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage,
    StorageConfig, StorageFactory,
};
use iceberg::{Error, ErrorKind, Result};
use millstream_connectors::sinks::s3::Access;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The buckets that tables lie in, reached with one access.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Buckets {
    /// None of one that was serialized: it must not carry credentials.
    #[serde(skip)]
    reached: Option<Arc<Reached>>,
}

#[derive(Debug)]
struct Reached {
    access: Access,
    stores: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

/// One file, and the bucket that it is in.
#[derive(Debug, Clone)]
struct File {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl Buckets {
    /// Buckets that are reached so, whatever bucket it names.
    pub(crate) fn new(access: Access) -> Self {
        Self {
            reached: Some(Arc::new(Reached {
                access,
                stores: Mutex::default(),
            })),
        }
    }

    /// Buckets of which one is this.
    #[cfg(test)]
    pub(crate) fn with(access: Access, bucket: &str, store: Arc<dyn ObjectStore>) -> Self {
        let buckets = Self::new(access);
        let reached = buckets.reached.as_ref().unwrap();
        reached.stores.lock().insert(bucket.to_owned(), store);
        buckets
    }

    /// The files of a table.
    pub(crate) fn files(&self) -> FileIO {
        FileIOBuilder::new(Arc::new(self.clone())).build()
    }

    fn file(&self, location: &str) -> Result<File> {
        let (bucket, path) = parts(location)?;
        let reached = self.reached.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::Unexpected,
                "these buckets were taken apart: open them again",
            )
        })?;
        let mut stores = reached.stores.lock();
        let store = match stores.get(bucket) {
            Some(store) => Arc::clone(store),
            None => {
                let access = Access {
                    bucket: bucket.to_owned(),
                    ..reached.access.clone()
                };
                let store = access.open().map_err(|error| failed(location, error))?;
                stores.insert(bucket.to_owned(), Arc::clone(&store));
                store
            }
        };
        Ok(File { store, path })
    }
}

/// The bucket of a location, and the path in it.
fn parts(location: &str) -> Result<(&str, Path)> {
    let schemes = ["s3://", "s3a://", "s3n://"];
    let rest = schemes
        .iter()
        .find_map(|scheme| location.strip_prefix(scheme));
    let parts = rest.and_then(|rest| rest.split_once('/'));
    let (bucket, path) = parts.filter(|(bucket, _)| !bucket.is_empty()).ok_or_else(|| {
        Error::new(
            ErrorKind::FeatureUnsupported,
            format!("{location} is in no bucket: tables are written whose location begins with s3://"),
        )
    })?;
    let path = Path::parse(path).map_err(|error| failed(location, error))?;
    Ok((bucket, path))
}

fn failed(location: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Unexpected, location.to_owned()).with_source(error)
}

#[typetag::serde(name = "millstream-buckets")]
impl StorageFactory for Buckets {
    fn build(&self, _: &StorageConfig) -> Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
#[typetag::serde(name = "millstream-buckets")]
impl Storage for Buckets {
    async fn exists(&self, location: &str) -> Result<bool> {
        let File { store, path } = self.file(location)?;
        match store.head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(location, error)),
        }
    }

    async fn metadata(&self, location: &str) -> Result<FileMetadata> {
        let File { store, path } = self.file(location)?;
        let head = store
            .head(&path)
            .await
            .map_err(|error| failed(location, error))?;
        Ok(FileMetadata { size: head.size })
    }

    async fn read(&self, location: &str) -> Result<Bytes> {
        let File { store, path } = self.file(location)?;
        let found = store
            .get(&path)
            .await
            .map_err(|error| failed(location, error))?;
        found.bytes().await.map_err(|error| failed(location, error))
    }

    async fn reader(&self, location: &str) -> Result<Box<dyn FileRead>> {
        Ok(Box::new(self.file(location)?))
    }

    async fn write(&self, location: &str, contents: Bytes) -> Result<()> {
        self.file(location)?.put(contents.into()).await
    }

    async fn writer(&self, location: &str) -> Result<Box<dyn FileWrite>> {
        Ok(Box::new(Writing {
            file: self.file(location)?,
            pieces: Some(Vec::new()),
        }))
    }

    async fn delete(&self, location: &str) -> Result<()> {
        let File { store, path } = self.file(location)?;
        match store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(location, error)),
        }
    }

    async fn delete_prefix(&self, location: &str) -> Result<()> {
        // No commit of rows deletes anything, and a mistake here would cost a table.
        Err(Error::new(
            ErrorKind::FeatureUnsupported,
            format!("{location} is not deleted as a whole"),
        ))
    }

    async fn delete_stream(&self, mut locations: BoxStream<'static, String>) -> Result<()> {
        while let Some(location) = locations.next().await {
            self.delete(&location).await?;
        }
        Ok(())
    }

    fn new_input(&self, location: &str) -> Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), location.to_owned()))
    }

    fn new_output(&self, location: &str) -> Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), location.to_owned()))
    }
}

impl File {
    async fn put(&self, contents: PutPayload) -> Result<()> {
        let put = self.store.put(&self.path, contents).await;
        put.map(drop)
            .map_err(|error| failed(self.path.as_ref(), error))
    }
}

#[async_trait]
impl FileRead for File {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let read = self.store.get_range(&self.path, range).await;
        read.map_err(|error| failed(self.path.as_ref(), error))
    }
}

/// A file that is put as a whole when it is closed: there is never half of one. As large as a cut is.
struct Writing {
    file: File,
    /// None once it is closed.
    pieces: Option<Vec<Bytes>>,
}

#[async_trait]
impl FileWrite for Writing {
    async fn write(&mut self, piece: Bytes) -> Result<()> {
        let pieces = self.pieces.as_mut().ok_or_else(closed)?;
        pieces.push(piece);
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        let pieces = self.pieces.take().ok_or_else(closed)?;
        self.file.put(pieces.into_iter().collect()).await
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::DataInvalid, "the file is closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_a_path() {
        let (bucket, path) = parts("s3://lake/market/trades/metadata/v1.json").unwrap();
        assert_eq!(
            (bucket, path.as_ref()),
            ("lake", "market/trades/metadata/v1.json")
        );
        assert_eq!(
            parts("s3a://lake/k=a%20b/x").unwrap().1.as_ref(),
            "k=a%20b/x"
        );
        for elsewhere in ["gs://lake/x", "/tmp/x", "s3://", "s3:///x", "s3://lake"] {
            let error = parts(elsewhere).unwrap_err().to_string();
            assert!(error.contains("in no bucket"), "{error}");
        }
    }
}
