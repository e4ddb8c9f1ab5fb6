//! A power cut takes what was not synced and nothing else.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use millstream_testkit::PowerCut;
use tempfile::TempDir;

/// A folder on its own, and the library.
struct Bench {
    folder: TempDir,
    power: PowerCut,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let power = PowerCut::build(folder.path());
        Self { folder, power }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    fn writer(&self) -> Writer {
        self.writer_with(|command, power, data| power.arm(command, data))
    }

    fn writer_with(&self, prepare: impl FnOnce(&mut Command, &PowerCut, &Path)) -> Writer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_power-cut-writer"));
        command.current_dir(self.data());
        prepare(&mut command, &self.power, &self.data());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Writer {
            child,
            commands,
            answers,
        }
    }

    /// What the disk holds.
    fn disk(&self, name: &str) -> String {
        let bytes = fs::read(self.data().join(name)).unwrap();
        String::from_utf8_lossy(&bytes).replace('\0', "0")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.data()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

struct Writer {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Writer {
    fn ask(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").unwrap();
        let mut answer = String::new();
        assert!(
            self.answers.read_line(&mut answer).unwrap() > 0,
            "{command}: no answer"
        );
        answer.trim_end().to_owned()
    }

    fn tell(&mut self, commands: &[&str]) {
        for command in commands {
            let answer = self.ask(command);
            assert!(!answer.starts_with("error"), "{command}: {answer}");
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn unsynced_bytes_vanish_and_synced_ones_stay() {
    let bench = Bench::new();
    let mut writer = bench.writer();
    writer.tell(&[
        "create a",
        "write a 0 synced",
        "sync a",
        "write a 0 SY",
        "write a 6 -lost",
        "create b",
        "write b 0 x",
    ]);
    assert_eq!(writer.ask("contents a"), "SYnced-lost");
    assert_eq!(bench.disk("a"), "synced");
    writer.kill();
    assert_eq!(bench.disk("a"), "synced");
    assert_eq!(bench.disk("b"), "");
}

/// Without the library a kill takes nothing: it is the library that cuts.
#[test]
fn a_kill_alone_loses_nothing() {
    let bench = Bench::new();
    let mut writer = bench.writer_with(|_, _, _| {});
    writer.tell(&["create a", "write a 0 written"]);
    writer.kill();
    assert_eq!(bench.disk("a"), "written");
}

#[test]
fn the_process_sees_what_it_wrote() {
    let bench = Bench::new();
    fs::write(bench.data().join("a"), "0123456789").unwrap();
    let mut writer = bench.writer();
    writer.tell(&["open a", "write a 3 xyz", "append a END"]);
    assert_eq!(writer.ask("write-parts a 13 ab cde"), "5");
    for (question, answer) in [
        ("contents a", "012xyz6789ENDabcde"),
        ("read a 2 5", "2xyz6"),
        ("read-now a 9 100", "9ENDabcde"),
        ("read a 18 5", ""),
        ("size a", "18"),
        ("size-by-name a", "18"),
        ("seek-end a", "18"),
        ("write-here a !", "ok"),
        ("seek a 16", "16"),
        ("read-here a 2", "de"),
        ("read-here a 2", "!"),
        ("read-here a 2", ""),
        ("write a 25 far", "ok"),
        ("read a 18 100", "!000000far"),
        ("copy a b", "28"),
        ("contents b", "012xyz6789ENDabcde!000000far"),
    ] {
        assert_eq!(writer.ask(question), answer, "{question}");
    }
    assert_eq!(bench.disk("a"), "0123456789");
    writer.tell(&["sync a", "close a"]);
    assert_eq!(bench.disk("a"), "012xyz6789ENDabcde!000000far");
    assert_eq!(writer.ask("contents a"), "012xyz6789ENDabcde!000000far");
    writer.kill();
    assert_eq!(bench.disk("b"), "");
}

#[test]
fn sizes_are_content_too() {
    let bench = Bench::new();
    for name in ["a", "b", "c", "d"] {
        fs::write(bench.data().join(name), "0123456789").unwrap();
    }
    let mut writer = bench.writer();
    writer.tell(&[
        "open a",
        "truncate a 3",
        "write a 5 x",
        "open b",
        "truncate b 4",
        "truncate b 8",
        "sync b",
    ]);
    assert_eq!(writer.ask("contents a"), "01200x");
    writer.tell(&["replace c new", "open d", "allocate d 20", "allocate d 5"]);
    assert_eq!(writer.ask("contents c"), "new");
    assert_eq!(writer.ask("size d"), "20");
    writer.kill();
    assert_eq!(bench.disk("a"), "0123456789");
    assert_eq!(bench.disk("b"), "01230000");
    assert_eq!(bench.disk("c"), "0123456789");
    assert_eq!(bench.disk("d"), "0123456789");
}

#[test]
fn large_files_and_page_borders_come_through() {
    let bench = Bench::new();
    let mut writer = bench.writer();
    writer.tell(&[
        "create a",
        "allocate a 1000000",
        "fill a 100",
        "sync-all a",
        "write a 4090 borderline",
        "write a 999990 tail",
    ]);
    writer.tell(&[
        "sync a",
        "write a 0 lost",
        "truncate a 5000",
        "truncate a 500000",
    ]);
    writer.kill();
    let bytes = fs::read(bench.data().join("a")).unwrap();
    let mut expected = vec![0; 1_000_000];
    expected[..409_600].fill(b'x');
    expected[4090..4100].copy_from_slice(b"borderline");
    expected[999_990..999_994].copy_from_slice(b"tail");
    assert!(bytes == expected);
}

/// What was cut off reads as zeros when the file grows again, although the disk still holds it.
#[test]
fn truncated_bytes_do_not_come_back() {
    let bench = Bench::new();
    let mut writer = bench.writer();
    writer.tell(&[
        "create a",
        "fill a 3",
        "sync a",
        "truncate a 100",
        "truncate a 12288",
    ]);
    assert_eq!(writer.ask("read a 98 4"), "xx00");
    assert_eq!(writer.ask("read a 8192 4"), "0000");
    assert_eq!(&bench.disk("a")[8192..8196], "xxxx");
    writer.tell(&["write a 4096 y", "sync a"]);
    writer.kill();
    let expected = format!(
        "{}{}y{}",
        "x".repeat(100),
        "0".repeat(3996),
        "0".repeat(8191)
    );
    assert!(bench.disk("a") == expected);
}

#[test]
fn names_last_once_their_folder_is_synced() {
    let bench = Bench::new();
    for name in ["kept", "doomed", "old"] {
        fs::write(bench.data().join(name), name).unwrap();
    }
    let mut writer = bench.writer();
    writer.tell(&[
        "replace fresh text",
        "open fresh",
        "sync fresh",
        "rename fresh durable",
        "sync-folder .",
    ]);
    writer.tell(&[
        "unlink doomed",
        "create new",
        "write new 0 n",
        "sync new",
        "rename new old",
        "rename durable other",
    ]);
    writer.tell(&[
        "unlink old",
        "create old",
        "unlink kept",
        "create temporary",
        "unlink temporary",
    ]);
    assert_eq!(writer.ask("exists kept"), "false");
    assert_eq!(writer.ask("contents old"), "");
    writer.kill();
    assert_eq!(bench.names(), ["old", "other"]);
    assert!(bench.power.lose_names() >= 8);
    assert_eq!(bench.names(), ["doomed", "durable", "kept", "old"]);
    for (name, text) in [
        ("doomed", "doomed"),
        ("kept", "kept"),
        ("old", "old"),
        ("durable", "text"),
    ] {
        assert_eq!(bench.disk(name), text);
    }
    assert_eq!(bench.power.lose_names(), 0);
}

#[test]
fn synced_names_are_never_undone() {
    let bench = Bench::new();
    fs::write(bench.data().join("old"), "old").unwrap();
    fs::create_dir(bench.data().join("folder")).unwrap();
    let mut writer = bench.writer();
    writer.tell(&[
        "create new",
        "write new 0 new",
        "sync new",
        "rename new old",
        "create b",
        "unlink b",
        "sync-folder .",
    ]);
    assert!(writer.ask("rename missing old").starts_with("error"));
    assert!(writer.ask("rename old folder").starts_with("error"));
    assert!(writer.ask("unlink missing").starts_with("error"));
    assert!(writer.ask("create old").starts_with("error"));
    writer.kill();
    assert_eq!(bench.power.lose_names(), 0);
    assert_eq!(bench.names(), ["folder", "old"]);
    assert_eq!(bench.disk("old"), "new");
}

/// A file that gets the inode of a deleted one does not get its unsynced bytes.
#[test]
fn deleted_files_leave_nothing_to_new_ones() {
    let bench = Bench::new();
    let mut writer = bench.writer_with(|command, power, data| {
        power.arm(command, data);
        command.env_remove("POWER_CUT_UNDO");
    });
    for _ in 0..20 {
        writer.tell(&[
            "create a",
            "write a 0 former",
            "close a",
            "unlink a",
            "create b",
        ]);
        assert_eq!(writer.ask("contents b"), "");
        writer.tell(&["write b 3 x", "sync b", "close b"]);
        assert_eq!(bench.disk("b"), "000x");
        writer.tell(&["unlink b"]);
    }
}

#[test]
fn torn_pages_reach_the_disk_in_part() {
    let bench = Bench::new();
    let mut writer =
        bench.writer_with(|command, power, data| power.arm_with_torn_pages(command, data, 50));
    writer.tell(&[
        "create a",
        "allocate a 819200",
        "write a 700000 synced",
        "sync a",
        "fill a 150",
    ]);
    writer.kill();
    let bytes = fs::read(bench.data().join("a")).unwrap();
    assert_eq!(bytes.len(), 819_200);
    let sectors = bytes[..614_400].chunks(512);
    let written = sectors
        .clone()
        .filter(|sector| sector.iter().all(|byte| *byte == b'x'));
    let untouched = sectors
        .clone()
        .filter(|sector| sector.iter().all(|byte| *byte == 0));
    let (written, untouched) = (written.count(), untouched.count());
    assert_eq!(written + untouched, 1200, "sectors are written whole");
    assert!(
        written > 20 && untouched > 20,
        "{written} written, {untouched} not"
    );
    assert_eq!(&bytes[700_000..700_006], b"synced");
}

#[test]
fn threads_share_a_file() {
    let bench = Bench::new();
    let mut writer = bench.writer();
    writer.tell(&[
        "create a",
        "write-from-threads a 8",
        "sync a",
        "create b",
        "write-from-threads b 8",
    ]);
    writer.kill();
    let bytes = fs::read(bench.data().join("a")).unwrap();
    assert_eq!(bytes.len(), 8 * 200 * 1000);
    for (index, piece) in bytes.chunks(1000).enumerate() {
        let letter = b'a' + (index % 8) as u8;
        assert!(piece.iter().all(|byte| *byte == letter), "piece {index}");
    }
    assert_eq!(bench.disk("b"), "");
}

#[test]
fn other_folders_are_left_alone() {
    let bench = Bench::new();
    let mut writer = bench.writer();
    writer.tell(&[
        "create ../beside",
        "write ../beside 0 written",
        "rename ../beside ../renamed",
    ]);
    fs::create_dir(bench.folder.path().join("data-other")).unwrap();
    writer.tell(&["create ../data-other/a", "write ../data-other/a 0 written"]);
    writer.kill();
    assert_eq!(bench.power.lose_names(), 0);
    assert_eq!(bench.disk("../renamed"), "written");
    assert_eq!(bench.disk("../data-other/a"), "written");
}
