//! The tables' files: one SQLite database for each account and region.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Checks every file below a folder; what is wrong, line by line.
pub fn check_folder(folder: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let accounts = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for account in accounts {
        let files = std::fs::read_dir(account.path());
        for file in files.into_iter().flatten().flatten() {
            let path = file.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "sqlite")
                && let Some(what) = check_file(&path)
            {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                wrong.push(format!("tables/{}: {what}", name.display()));
            }
        }
    }
    wrong.sort();
    wrong
}

/// `None`: the file is sound.
fn check_file(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Ok(found) if found.len() == 0 => return Some("the file is empty".to_owned()),
        Ok(_) => {}
        Err(error) => return Some(format!("the file cannot be read: {error}")),
    }
    // A journal that a killed server left behind is played back, as its next start would.
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let checked = opened.and_then(|database| {
        database.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
    });
    match checked {
        Ok(answer) if answer == "ok" => None,
        Ok(answer) => Some(format!("the database is damaged: {answer}")),
        Err(error) => Some(format!("the database is damaged: {error}")),
    }
}
