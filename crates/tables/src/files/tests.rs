//! A file of tables that is not as it was left: never taken for tables that were never made, always named.

use serde_json::{Value, json};

use super::*;
use crate::operation::TableOperation as Op;
use crate::service::TableService;
use crate::settings::TableSettings;
use crate::{TableCaller, TableOperation};

const ONE: &str = "tables/111111111111/eu-west-1.sqlite";
const TWO: &str = "tables/222222222222/eu-west-1.sqlite";

fn open(data_dir: &Path) -> Result<TableService, TablesOpenError> {
    TableService::open(Some(data_dir.to_owned()), TableSettings::default())
}

fn open_without_damaged(data_dir: &Path) -> TableService {
    let settings = TableSettings {
        leaves_out_damaged: true,
        ..TableSettings::default()
    };
    TableService::open(Some(data_dir.to_owned()), settings).unwrap()
}

async fn call(
    service: &TableService,
    account: &str,
    operation: TableOperation,
    body: Value,
) -> (u16, Value) {
    let (account, region) = (account.parse().unwrap(), "eu-west-1".parse().unwrap());
    let caller = TableCaller {
        account: &account,
        region: &region,
        address: "localhost:4566",
        user: None,
    };
    let body = body.to_string().into();
    let answer = service.call(caller, operation, &body).await.answer;
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

async fn stop(service: TableService) {
    assert!(service.stop(Duration::from_secs(60)).await);
}

/// Whether an account's item is as it was put.
async fn is_served(service: &TableService, account: &str) -> bool {
    let get = json!({"TableName": "leases", "Key": {"leaseKey": {"S": "a"}}});
    let (status, answer) = call(service, account, Op::GetItem, get).await;
    status == 200 && answer["Item"]["owner"]["S"] == account
}

async fn make_tables(service: &TableService, account: &str) {
    let table = json!({
        "TableName": "leases",
        "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let (status, answer) = call(service, account, Op::CreateTable, table).await;
    assert_eq!(status, 200, "{answer}");
    let item = json!({"leaseKey": {"S": "a"}, "owner": {"S": account}});
    let put = json!({"TableName": "leases", "Item": item});
    assert_eq!(call(service, account, Op::PutItem, put).await.0, 200);
}

/// A data folder with tables of two accounts, closed.
async fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let service = open(folder.path()).unwrap();
    for account in ["111111111111", "222222222222"] {
        make_tables(&service, account).await;
    }
    stop(service).await;
    folder
}

/// A folder in which one of two files is damaged: the start says which, without it the other one is served and its own
/// answers name it; verify names it, repair sets it aside.
async fn check_damaged(folder: &Path, what: &str) {
    let refused = open(folder).unwrap_err().to_string();
    assert!(refused.contains(ONE) && refused.contains(what), "{refused}");
    assert!(!refused.contains(TWO), "{refused}");
    assert!(refused.contains("millstream repair"), "{refused}");

    let service = open_without_damaged(folder);
    assert!(is_served(&service, "222222222222").await);
    for operation in [Op::ListTables, Op::CreateTable] {
        let body = match operation {
            Op::CreateTable => json!({
                "TableName": "leases",
                "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            }),
            _ => json!({}),
        };
        let (status, answer) = call(&service, "111111111111", operation, body).await;
        let message = answer["message"].as_str().unwrap();
        assert_eq!(status, 500, "{answer}");
        assert!(message.contains(ONE) && message.contains(what), "{message}");
    }
    stop(service).await;
    // That it was left out once makes it no less missed.
    open(folder).unwrap_err();

    let salvaged = SalvagedTables::read(folder).unwrap();
    let report = salvaged.report().join("\n");
    assert!(report.contains(ONE) && report.contains(what), "{report}");
    assert!(
        report.contains("lost: all tables of account 111111111111 in eu-west-1"),
        "{report}"
    );
    let damaged = fs::read(folder.join(ONE)).ok();
    salvaged.repair("kept").unwrap();
    assert_eq!(fs::read(folder.join("kept").join(ONE)).ok(), damaged);
    let again = SalvagedTables::read(folder).unwrap();
    assert!(again.is_sound(), "{:?}", again.report());
    let service = open(folder).unwrap();
    assert!(is_served(&service, "222222222222").await);
    assert!(!is_served(&service, "111111111111").await);
    make_tables(&service, "111111111111").await;
    stop(service).await;
}

#[tokio::test]
async fn a_file_that_is_missing_is_missed() {
    let folder = folder().await;
    fs::remove_file(folder.path().join(ONE)).unwrap();
    check_damaged(folder.path(), "the file is missing").await;
}

#[tokio::test]
async fn a_file_that_is_empty_is_no_new_database() {
    let folder = folder().await;
    fs::write(folder.path().join(ONE), b"").unwrap();
    check_damaged(folder.path(), "the file is empty").await;
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_not_served() {
    for share in [2, 3, 10] {
        let folder = folder().await;
        let path = folder.path().join(ONE);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / share]).unwrap();
        check_damaged(folder.path(), "the database is damaged").await;
    }
}

/// Overwrites the page with the items of the first account.
fn overwrite_items(folder: &Path) {
    let path = folder.join(ONE);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let root: usize = connection
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'leases'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    drop(connection);
    let mut bytes = fs::read(&path).unwrap();
    bytes[(root - 1) * 4096..root * 4096].fill(0x5a);
    fs::write(&path, bytes).unwrap();
}

#[tokio::test]
async fn a_page_that_is_overwritten_is_found_before_it_is_served() {
    let folder = folder().await;
    overwrite_items(folder.path());
    // Also if the start has no time to read pages.
    let settings = TableSettings {
        check_time: Duration::ZERO,
        ..TableSettings::default()
    };
    let service = TableService::open(Some(folder.path().to_owned()), settings).unwrap();
    let (status, answer) = call(&service, "111111111111", Op::ListTables, json!({})).await;
    assert_eq!(status, 500, "{answer}");
    assert!(
        answer["message"].as_str().unwrap().contains(ONE),
        "{answer}"
    );
    assert!(is_served(&service, "222222222222").await);
    stop(service).await;
    check_damaged(folder.path(), "the database is damaged").await;
}

/// A file that was sound when it was opened and is not any more.
#[tokio::test]
async fn a_page_that_is_overwritten_while_the_server_runs_is_named_by_the_answer() {
    let folder = folder().await;
    let service = open(folder.path()).unwrap();
    let (status, _) = call(&service, "111111111111", Op::ListTables, json!({})).await;
    assert_eq!(status, 200);
    overwrite_items(folder.path());
    let get = json!({"TableName": "leases", "Key": {"leaseKey": {"S": "a"}}});
    let (status, answer) = call(&service, "111111111111", Op::GetItem, get).await;
    assert_eq!(status, 500, "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(
        message.contains(ONE) && message.contains("damaged"),
        "{message}"
    );
    assert!(is_served(&service, "222222222222").await);
    stop(service).await;
}

#[tokio::test]
async fn a_header_with_a_flipped_bit_is_refused_or_changes_nothing() {
    let folder = folder().await;
    let path = folder.path().join(ONE);
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for at in 0..100 {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        match open(folder.path()) {
            Ok(service) => {
                assert!(is_served(&service, "111111111111").await, "byte {at}");
                stop(service).await;
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains(ONE), "byte {at}: {error}");
            }
        }
    }
    assert!(refused > 30, "{refused}");
    fs::write(&path, &whole[..]).unwrap();
    stop(open(folder.path()).unwrap()).await;
}

#[tokio::test]
async fn a_file_of_somebody_else_is_not_taken_for_the_own() {
    // Of another account.
    let of_another = folder().await;
    fs::copy(of_another.path().join(TWO), of_another.path().join(ONE)).unwrap();
    check_damaged(of_another.path(), "not one that Millstream made for these").await;
    // Of another server, for the same account.
    let (other, here) = (folder().await, folder().await);
    fs::copy(other.path().join(ONE), here.path().join(ONE)).unwrap();
    check_damaged(here.path(), "another one was here last").await;
    // Of another program.
    let foreign = folder().await;
    let path = foreign.path().join(ONE);
    fs::remove_file(&path).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE t (a)").unwrap();
    drop(connection);
    check_damaged(foreign.path(), "not one that Millstream made for these").await;
    // Of no database.
    let text = folder().await;
    fs::write(text.path().join(ONE), "leases of yesterday\n".repeat(1000)).unwrap();
    check_damaged(text.path(), "no SQLite database").await;
}

#[tokio::test]
async fn the_whole_folder_of_files_is_missed() {
    let folder = folder().await;
    fs::remove_dir_all(folder.path().join("tables")).unwrap();
    let refused = open(folder.path()).unwrap_err().to_string();
    assert!(refused.contains(ONE) && refused.contains(TWO), "{refused}");
}

#[tokio::test]
async fn a_list_that_is_gone_or_damaged_is_made_anew_by_repair_only() {
    for damage in [None, Some("millstream tables 1\n")] {
        let folder = folder().await;
        let list = folder.path().join(LIST);
        match damage {
            None => fs::remove_file(&list).unwrap(),
            Some(text) => fs::write(&list, text).unwrap(),
        }
        let refused = open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(LIST), "{refused}");
        assert!(refused.contains("millstream repair"), "{refused}");
        let salvaged = SalvagedTables::read(folder.path()).unwrap();
        let report = salvaged.report().join("\n");
        assert!(report.contains("cannot be told"), "{report}");
        salvaged.repair("kept").unwrap();
        let service = open(folder.path()).unwrap();
        for account in ["111111111111", "222222222222"] {
            assert!(is_served(&service, account).await);
        }
        stop(service).await;
    }
}

/// As a version without marks left it.
fn take_mark(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch("DROP TABLE \"millstream file\"; PRAGMA application_id = 0")
        .unwrap();
}

#[tokio::test]
async fn a_backup_without_a_mark_can_be_put_back_after_repair() {
    let folder = folder().await;
    let (path, backup) = (folder.path().join(ONE), folder.path().join("backup"));
    fs::rename(&path, &backup).unwrap();
    take_mark(&backup);
    SalvagedTables::read(folder.path())
        .unwrap()
        .repair("kept")
        .unwrap();
    fs::copy(&backup, &path).unwrap();
    assert!(SalvagedTables::read(folder.path()).unwrap().is_sound());
    let service = open(folder.path()).unwrap();
    assert!(is_served(&service, "111111111111").await);
    stop(service).await;
    fs::remove_file(&path).unwrap();
    check_damaged(folder.path(), "the file is missing").await;
}

#[tokio::test]
async fn files_of_a_version_without_marks_are_taken_over() {
    let folder = folder().await;
    fs::remove_file(folder.path().join(LIST)).unwrap();
    for file in [ONE, TWO] {
        take_mark(&folder.path().join(file));
    }
    let unmarked = SalvagedTables::read(folder.path()).unwrap();
    assert!(unmarked.is_sound(), "{:?}", unmarked.report());
    assert!(!folder.path().join(LIST).exists(), "verify changes nothing");
    let service = open(folder.path()).unwrap();
    assert!(is_served(&service, "111111111111").await);
    stop(service).await;
    fs::remove_file(folder.path().join(ONE)).unwrap();
    check_damaged(folder.path(), "the file is missing").await;
}

#[tokio::test]
async fn a_file_that_was_made_just_before_a_crash_is_listed_at_the_next_start() {
    let folder = folder().await;
    let Found::List(mut entries) = list::read(folder.path()) else {
        panic!("a list");
    };
    entries.pop_first();
    list::write(folder.path(), &entries).unwrap();
    let service = open(folder.path()).unwrap();
    assert!(is_served(&service, "111111111111").await);
    stop(service).await;
    fs::remove_file(folder.path().join(ONE)).unwrap();
    check_damaged(folder.path(), "the file is missing").await;
}

#[tokio::test]
async fn a_file_that_goes_while_it_is_open_acknowledges_nothing() {
    let folder = folder().await;
    let path = folder.path().join(ONE);
    let put = json!({"TableName": "leases", "Item": {"leaseKey": {"S": "b"}}});
    let service = open(folder.path()).unwrap();
    assert!(is_served(&service, "111111111111").await);
    fs::rename(&path, folder.path().join("aside")).unwrap();
    let (status, answer) = call(&service, "111111111111", Op::PutItem, put.clone()).await;
    assert_eq!(status, 500, "{answer}");
    assert!(
        answer.to_string().contains("the file is missing"),
        "{answer}"
    );
    // Who puts it back knows what it does; who puts another one there has to start the server again.
    fs::rename(folder.path().join("aside"), &path).unwrap();
    assert!(is_served(&service, "111111111111").await);
    fs::copy(&path, folder.path().join("copy")).unwrap();
    fs::rename(folder.path().join("copy"), &path).unwrap();
    for _ in 0..2 {
        let (status, answer) = call(&service, "111111111111", Op::PutItem, put.clone()).await;
        assert_eq!(status, 500, "{answer}");
        assert!(
            answer.to_string().contains("while the server ran"),
            "{answer}"
        );
    }
    assert!(is_served(&service, "222222222222").await);
    stop(service).await;
}

#[tokio::test]
async fn a_data_folder_without_tables_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let service = open(folder.path()).unwrap();
    let (status, _) = call(&service, "111111111111", Op::ListTables, json!({})).await;
    assert_eq!(status, 200);
    stop(service).await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(SalvagedTables::read(folder.path()).unwrap().is_sound());
}

/// Puts items with growing numbers while the files are copied: what was answered before is in the copies, and each copy
/// is a folder that is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_files_that_are_written_have_all_that_was_answered_before() {
    let folder = tempfile::tempdir().unwrap();
    let service = open(folder.path()).unwrap();
    for account in ["111111111111", "222222222222"] {
        make_tables(&service, account).await;
    }
    let put = async |number: u64| {
        let item = json!({"leaseKey": {"S": number.to_string()}});
        let put = json!({"TableName": "leases", "Item": item});
        let (status, answer) = call(&service, "111111111111", Op::PutItem, put).await;
        assert_eq!(status, 200, "{answer}");
    };
    let mut answered = 0;
    for _ in 0..3 {
        let copies = tempfile::tempdir().unwrap();
        let before = answered;
        let (copying, into) = (service.clone(), copies.path().to_owned());
        let copied = tokio::task::spawn_blocking(move || copying.copy_to(&into));
        while !copied.is_finished() || answered < before + 20 {
            put(answered).await;
            answered += 1;
        }
        let written = copied.await.unwrap().unwrap();
        let written: Vec<&str> = written.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(written, [ONE, TWO, list::LIST]);
        assert!(SalvagedTables::read(copies.path()).unwrap().is_sound());
        let from_copy = open(copies.path()).unwrap();
        assert!(is_served(&from_copy, "222222222222").await);
        for number in 0..before {
            let get =
                json!({"TableName": "leases", "Key": {"leaseKey": {"S": number.to_string()}}});
            let (status, answer) = call(&from_copy, "111111111111", Op::GetItem, get).await;
            assert_eq!(status, 200, "{answer}");
            assert!(answer["Item"].is_object(), "{number} of {before}: {answer}");
        }
        stop(from_copy).await;
    }
    stop(service).await;
}

#[tokio::test]
async fn a_damaged_file_is_named_and_not_copied() {
    let folder = folder().await;
    fs::remove_file(folder.path().join(ONE)).unwrap();
    let service = open_without_damaged(folder.path());
    let copies = tempfile::tempdir().unwrap();
    let error = service.copy_to(copies.path()).unwrap_err();
    assert!(error.to_string().contains(ONE), "{error}");
    assert!(!error.is_for_want_of_room());
    stop(service).await;
}
