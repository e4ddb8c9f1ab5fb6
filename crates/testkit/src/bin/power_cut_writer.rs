//! Does to files what it is told on stdin, one command a line, and answers each with a line: the program that the
//! tests of power cuts kill. It uses the calls that the engine uses: those of std and of rustix.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::thread;

use rustix::fs::FallocateFlags;
use rustix::io::ReadWriteFlags;

fn main() -> io::Result<()> {
    let mut files = HashMap::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = obey(&mut files, &words).unwrap_or_else(|error| format!("error: {error}"));
        println!("{answer}");
    }
    Ok(())
}

fn number(text: &str) -> u64 {
    text.parse().expect("the test sends numbers")
}

fn length(text: &str) -> usize {
    text.parse().expect("the test sends numbers")
}

fn done(result: io::Result<()>) -> io::Result<String> {
    result.map(|()| "ok".to_owned())
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "0")
}

fn obey(files: &mut HashMap<String, File>, words: &[&str]) -> io::Result<String> {
    match *words {
        ["create", name] => {
            let mut options = OpenOptions::new();
            let file = options.create_new(true).read(true).write(true).open(name)?;
            files.insert(name.to_owned(), file);
            done(Ok(()))
        }
        ["open", name] => {
            let file = OpenOptions::new().read(true).write(true).open(name)?;
            files.insert(name.to_owned(), file);
            done(Ok(()))
        }
        ["close", name] => {
            files.remove(name);
            done(Ok(()))
        }
        ["replace", name, text] => done(File::create(name)?.write_all(text.as_bytes())),
        ["append", name, text] => {
            let mut file = OpenOptions::new().append(true).open(name)?;
            done(file.write_all(text.as_bytes()))
        }
        ["contents", name] => fs::read(name).map(|bytes| shown(&bytes)),
        ["size-by-name", name] => fs::metadata(name).map(|found| found.len().to_string()),
        ["exists", name] => Ok(fs::exists(name)?.to_string()),
        ["copy", from, to] => fs::copy(from, to).map(|bytes| bytes.to_string()),
        ["rename", from, to] => done(fs::rename(from, to)),
        ["unlink", name] => done(fs::remove_file(name)),
        ["sync-folder", name] => done(File::open(name)?.sync_all()),
        [command, name, ref rest @ ..] => {
            let file = files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
            obey_file(file, command, rest)
        }
        _ => Err(io::Error::other("no such command")),
    }
}

fn obey_file(file: &mut File, command: &str, words: &[&str]) -> io::Result<String> {
    match (command, words) {
        ("write", &[at, text]) => done(file.write_all_at(text.as_bytes(), number(at))),
        ("write-parts", &[at, one, other]) => {
            let parts = [one, other].map(|part| IoSlice::new(part.as_bytes()));
            Ok(rustix::io::pwritev(file, &parts, number(at))?.to_string())
        }
        ("write-here", &[text]) => done(file.write_all(text.as_bytes())),
        ("fill", &[pages]) => {
            (0..number(pages))
                .try_for_each(|page| file.write_all_at(&[b'x'; 4096], page * 4096))?;
            done(Ok(()))
        }
        ("read", &[at, bytes]) => {
            let mut buffer = vec![0; length(bytes)];
            let read = file.read_at(&mut buffer, number(at))?;
            Ok(shown(&buffer[..read]))
        }
        ("read-now", &[at, bytes]) => {
            let mut buffer = vec![0; length(bytes)];
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let read = rustix::io::preadv2(file, &mut parts, number(at), ReadWriteFlags::NOWAIT)?;
            Ok(shown(&buffer[..read]))
        }
        ("read-here", &[bytes]) => {
            let mut buffer = vec![0; length(bytes)];
            let read = file.read(&mut buffer)?;
            Ok(shown(&buffer[..read]))
        }
        ("seek", &[at]) => Ok(file.seek(SeekFrom::Start(number(at)))?.to_string()),
        ("seek-end", &[]) => Ok(file.seek(SeekFrom::End(0))?.to_string()),
        ("size", &[]) => Ok(file.metadata()?.len().to_string()),
        ("truncate", &[bytes]) => done(file.set_len(number(bytes))),
        ("allocate", &[bytes]) => {
            rustix::fs::fallocate(&*file, FallocateFlags::empty(), 0, number(bytes))?;
            done(Ok(()))
        }
        ("sync", &[]) => done(file.sync_data()),
        ("sync-all", &[]) => done(file.sync_all()),
        ("write-from-threads", &[threads]) => write_from_threads(file, number(threads)),
        _ => Err(io::Error::other("no such command")),
    }
}

/// Each thread writes and reads back 200 pieces of its own, through a descriptor of its own.
fn write_from_threads(file: &File, threads: u64) -> io::Result<String> {
    const PIECE: u64 = 1000;
    const PIECES: u64 = 200;
    thread::scope(|scope| {
        let write = |thread: u64| {
            let file = file.try_clone()?;
            for piece in 0..PIECES {
                let at = (piece * threads + thread) * PIECE;
                let mut bytes = [b'a' + (thread % 26) as u8; PIECE as usize];
                file.write_all_at(&bytes, at)?;
                let expected = bytes;
                file.read_exact_at(&mut bytes, at)?;
                if bytes != expected {
                    return Err(io::Error::other("read back something else"));
                }
            }
            Ok(())
        };
        let writers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || write(thread)))
            .collect();
        for writer in writers {
            writer.join().expect("writers do not panic")?;
        }
        done(Ok(()))
    })
}
