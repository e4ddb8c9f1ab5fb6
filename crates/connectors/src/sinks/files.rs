//! `files`: a file for each cut of a shard, in a folder. Exactly once.
//!
//! A cut has one name and one content. The file is written beside, synced, and given its name only if no file has it;
//! one that is there is the same cut, delivered before.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::format::{Compression, Format};
use crate::{Cut, Guarantee, Item, Opener, Outcome, Sink, SinkError, SinkFuture};

/// Opens sinks that write files into a folder.
#[derive(Debug, Clone)]
pub struct Files {
    /// The folder; made with its parents if it is absent.
    pub folder: PathBuf,
    /// How items are written.
    pub format: Format,
    /// Whether files are compressed.
    pub compression: Compression,
}

impl Opener for Files {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(FilesSink {
            to: self.clone(),
            contents: Vec::new(),
        })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }
}

impl Files {
    fn extension(&self) -> String {
        format!(
            "{}{}",
            self.format.extension(),
            self.compression.extension()
        )
    }
}

#[derive(Debug)]
struct FilesSink {
    to: Files,
    /// Since the last flush.
    contents: Vec<u8>,
}

impl Sink for FilesSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        let outcomes =
            items.iter().map(
                |item| match self.to.format.append(item, &mut self.contents) {
                    Ok(()) => Outcome::Delivered,
                    Err(error) => Outcome::Rejected(error.to_string()),
                },
            );
        let outcomes = outcomes.collect();
        Box::pin(std::future::ready(Ok(outcomes)))
    }

    fn flush<'a>(&'a mut self, cut: &'a Cut) -> SinkFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            if self.contents.is_empty() {
                return Ok(());
            }
            let name = format!("{}-{}.{}", cut.shard_id, cut.first, self.to.extension());
            let (to, plain) = (self.to.clone(), self.contents.clone());
            let wrote = tokio::task::spawn_blocking(move || {
                write(&to.folder, &name, &to.compression.compress(plain))
            });
            match wrote.await {
                Ok(Ok(())) => {
                    self.contents.clear();
                    Ok(())
                }
                Ok(Err(error)) => Err(SinkError::of(&self.to.folder.display().to_string(), &error)),
                Err(error) => Err(SinkError::of("a file", &error)),
            }
        })
    }
}

/// Writes a file that is whole and durable once it has its name.
fn write(folder: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let to = folder.join(name);
    if to.try_exists()? {
        return sync_folder(folder);
    }
    let mut random = [0_u8; 8];
    rand::Rng::fill(&mut rand::rng(), &mut random[..]);
    let aside = folder.join(format!(".{name}.{:016x}", u64::from_be_bytes(random)));
    let linked = write_aside(&aside, contents).and_then(|()| fs::hard_link(&aside, &to));
    // What is left behind has a name of its own and is no result.
    drop(fs::remove_file(&aside));
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(folder),
    }
}

fn write_aside(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::Origin;

    fn items(numbers: &[u64]) -> Vec<Item> {
        let item = |number: &u64| {
            let origin = Origin {
                shard_id: "shard-0".into(),
                sequence_number: number.to_string(),
                sub_sequence_number: 0,
                partition_key: "k".into(),
                arrived_ms: 0,
                data: Default::default(),
            };
            Item::of_record("t", Arc::new(origin), 0, json!({"n": number}), None, 8)
        };
        numbers.iter().map(item).collect()
    }

    fn cut(first: &str) -> Cut {
        Cut {
            shard_id: "shard-0".into(),
            first: first.into(),
        }
    }

    #[tokio::test]
    async fn a_cut_that_comes_again_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let to = Files {
            folder: folder.path().join("out"),
            format: Format::Json,
            compression: Compression::None,
        };
        for _ in 0..2 {
            // The second one is another worker that repeats the cut.
            let mut sink = to.open("shard-0");
            sink.deliver(&items(&[1, 2])).await.unwrap();
            sink.flush(&cut("0001")).await.unwrap();
            sink.deliver(&items(&[3])).await.unwrap();
            sink.flush(&cut("0003")).await.unwrap();
            sink.flush(&cut("0004")).await.unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(&to.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["shard-0-0001.jsonl", "shard-0-0003.jsonl"]);
        let text = fs::read_to_string(to.folder.join("shard-0-0001.jsonl")).unwrap();
        assert_eq!(text, "{\"n\":1}\n{\"n\":2}\n");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_an_error_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("out");
        fs::write(&blocked, "a file where the folder should be").unwrap();
        let to = Files {
            folder: blocked.clone(),
            format: Format::Json,
            compression: Compression::Gzip,
        };
        let mut sink = to.open("shard-0");
        sink.deliver(&items(&[1])).await.unwrap();
        assert!(sink.flush(&cut("0001")).await.is_err());
        fs::remove_file(&blocked).unwrap();
        sink.flush(&cut("0001")).await.unwrap();
        let file = File::open(blocked.join("shard-0-0001.jsonl.gz")).unwrap();
        let text = io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap();
        assert_eq!(text, "{\"n\":1}\n");
    }
}
