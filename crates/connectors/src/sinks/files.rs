//! `files`: a file for each cut of a shard, in a folder. Exactly once.
//!
//! A cut has one name and one content. The file is written beside, synced, and given its name only if no file has it;
//! one that is there is the same cut, delivered before. If it is not, somebody else writes here, and the sink fails.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::format::{Contents, Format};
use crate::{Cut, Guarantee, Item, Opener, OtherContents, Outcome, Sink, SinkError, SinkFuture};

/// Opens sinks that write files into a folder.
#[derive(Debug, Clone)]
pub struct Files {
    /// The folder; made with its parents if it is absent.
    pub folder: PathBuf,
    /// How files are written.
    pub format: Format,
}

impl Opener for Files {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(FilesSink {
            to: self.clone(),
            contents: Arc::new(Contents::new(&self.format)),
        })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }
}

#[derive(Debug)]
struct FilesSink {
    to: Files,
    /// Since the last flush. Shared with whoever compresses it.
    contents: Arc<Contents>,
}

impl Sink for FilesSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        let contents = Arc::make_mut(&mut self.contents);
        let outcomes = items.iter().map(|item| match contents.append(item) {
            Ok(()) => Outcome::Delivered,
            Err(error) => Outcome::Rejected(error.to_string()),
        });
        let outcomes = outcomes.collect();
        Box::pin(std::future::ready(Ok(outcomes)))
    }

    fn unflushed_bytes(&self) -> usize {
        self.contents.bytes()
    }

    fn flush<'a>(&'a mut self, cut: &'a Cut) -> SinkFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            if self.contents.is_empty() {
                return Ok(());
            }
            let name = format!(
                "{}-{}.{}",
                cut.shard_id,
                cut.first,
                self.to.format.extension()
            );
            let (to, contents) = (self.to.clone(), Arc::clone(&self.contents));
            let wrote = tokio::task::spawn_blocking(move || write(&to.folder, &name, &contents));
            match wrote.await {
                Ok(Ok(())) => {
                    self.contents = Arc::new(Contents::new(&self.to.format));
                    Ok(())
                }
                Ok(Err(error)) => Err(SinkError::of(&self.to.folder.display().to_string(), &error)),
                Err(error) => Err(SinkError::of("a file", &error)),
            }
        })
    }
}

/// Writes a file that is whole and durable once it has its name.
fn write(folder: &Path, name: &str, contents: &Contents) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let to = folder.join(name);
    if to.try_exists()? {
        return delivered_before(folder, &to, contents);
    }
    let mut random = [0_u8; 8];
    rand::Rng::fill(&mut rand::rng(), &mut random[..]);
    let aside = folder.join(format!(".{name}.{:016x}", u64::from_be_bytes(random)));
    let packed = contents.pack().map_err(io::Error::other)?;
    let linked = write_aside(&aside, &packed).and_then(|()| fs::hard_link(&aside, &to));
    // What is left behind has a name of its own and is no result.
    drop(fs::remove_file(&aside));
    match linked {
        Ok(()) => sync_folder(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            delivered_before(folder, &to, contents)
        }
        Err(error) => Err(error),
    }
}

/// The file that is there must be the one that was to be written.
fn delivered_before(folder: &Path, file: &Path, contents: &Contents) -> io::Result<()> {
    if contents.are_in(&fs::read(file)?) {
        return sync_folder(folder);
    }
    Err(io::Error::other(OtherContents(file.display().to_string())))
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
    use serde_json::json;

    use super::*;
    use crate::Origin;
    use crate::format::{Compression, Lines};

    fn items(numbers: &[u64]) -> Vec<Item> {
        let item = |number: &u64| {
            let origin = Origin {
                shard_id: "shard-0".into(),
                sequence_number: number.to_string().into(),
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
            format: Format::Lines(Lines::Json, Compression::None),
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

    /// A release that encodes otherwise may have written the cut before.
    #[tokio::test]
    async fn a_cut_of_columns_is_known_by_its_rows_and_not_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let to = |is_compressed| Files {
            folder: folder.path().to_owned(),
            format: Format::Parquet {
                schema: None,
                is_compressed,
            },
        };
        let rows: Vec<u64> = (0..1000).map(|n| n % 10).collect();
        let mut sink = to(false).open("shard-0");
        sink.deliver(&items(&rows)).await.unwrap();
        assert!(sink.unflushed_bytes() > 8 * rows.len());
        sink.flush(&cut("0001")).await.unwrap();
        assert_eq!(sink.unflushed_bytes(), 0);
        let file = folder.path().join("shard-0-0001.parquet");
        let plain = fs::read(&file).unwrap();
        for (rows, is_same) in [(&rows[..], true), (&rows[1..], false)] {
            let mut sink = to(true).open("shard-0");
            sink.deliver(&items(rows)).await.unwrap();
            assert_eq!(sink.flush(&cut("0001")).await.is_ok(), is_same);
            assert_eq!(fs::read(&file).unwrap(), plain);
        }
        fs::remove_file(&file).unwrap();
        let mut sink = to(true).open("shard-0");
        sink.deliver(&items(&rows)).await.unwrap();
        sink.flush(&cut("0001")).await.unwrap();
        assert!(fs::read(&file).unwrap() != plain);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_an_error_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("out");
        fs::write(&blocked, "a file where the folder should be").unwrap();
        let to = Files {
            folder: blocked.clone(),
            format: Format::Lines(Lines::Json, Compression::Gzip),
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

    #[tokio::test]
    async fn a_file_of_somebody_else_is_neither_written_over_nor_taken_as_delivered() {
        let folder = tempfile::tempdir().unwrap();
        let to = Files {
            folder: folder.path().to_owned(),
            format: Format::Lines(Lines::Json, Compression::None),
        };
        let theirs = folder.path().join("shard-0-0001.jsonl");
        fs::write(&theirs, "{\"n\":7}\n").unwrap();
        let mut sink = to.open("shard-0");
        sink.deliver(&items(&[1])).await.unwrap();
        for _ in 0..2 {
            let error = sink.flush(&cut("0001")).await.unwrap_err();
            assert!(error.message.contains("other contents"), "{error}");
        }
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "{\"n\":7}\n");
        fs::remove_file(&theirs).unwrap();
        sink.flush(&cut("0001")).await.unwrap();
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "{\"n\":1}\n");
    }
}
