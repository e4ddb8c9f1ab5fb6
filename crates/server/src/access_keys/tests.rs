use std::os::unix::fs::PermissionsExt;

use super::*;

const SECRET: &str = "a-secret-that-nobody-must-see";
const GOOD: &str = r#"
# Keys of the house.
[[key]]
id = "first"
secret = "a-secret-that-nobody-must-see"
account = "111111111111"
policies = ["*"]

# The second one.
[[key]]
id = "second"
secret = "a-secret-that-nobody-must-see"
account = "222222222222"
name = "reader"
policies = ["read.json", '{"Statement": {"Effect": "Deny", "Action": "kinesis:Put*", "Resource": "*"}}']
"#;
const READ: &str =
    r#"{"Statement": {"Effect": "Allow", "Action": "kinesis:Get*", "Resource": "*"}}"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(text: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.0.path().join("read.json"), READ).unwrap();
        folder.write(text);
        folder
    }

    fn keys(&self) -> PathBuf {
        self.0.path().join("keys.toml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.keys(), text).unwrap();
        self.chmod(0o600);
    }

    fn chmod(&self, mode: u32) {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.keys(), permissions).unwrap();
    }

    fn read(&self) -> Result<AccessKeys, InvalidKeys> {
        file::read(&self.keys())
    }
}

#[test]
fn a_file_is_read_with_its_policies() {
    let keys = Folder::new(GOOD).read().unwrap();
    assert_eq!(keys.len(), 2);
    let first = &keys["first"].user;
    assert_eq!(first.arn, "arn:aws:iam::111111111111:user/first");
    assert!(first.permissions.may_do_everything());
    let second = &keys["second"].user;
    assert_eq!(second.arn, "arn:aws:iam::222222222222:user/reader");
    assert!(!second.permissions.may_do_everything());
    assert!(!format!("{keys:?}").contains("nobody-must-see"));
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let folder = Folder::new(GOOD);
    for mode in [0o640, 0o604, 0o620, 0o644, 0o601] {
        folder.chmod(mode);
        let refused = folder.read().unwrap_err();
        assert!(matches!(refused, InvalidKeys::Mode { .. }), "{mode:o}");
    }
    folder.chmod(0o400);
    assert!(folder.read().is_ok());
}

#[test]
fn what_is_wrong_is_said_without_the_secret() {
    let key = |rest: &str| format!("[[key]]\nsecret = \"{SECRET}\"\n{rest}");
    let whole = "id = \"a\"\naccount = \"111111111111\"\n";
    for (text, part) in [
        (key("id = \"a\"\n"), "missing field `account`"),
        (key("id = \"a\"\naccount = \"1\"\n"), "12 digits"),
        (
            key(&format!("{whole}colour = 1\n")),
            "unknown field `colour`",
        ),
        (
            key(&format!("{whole}policies = [\"none.json\"]\n")),
            "none.json",
        ),
        (key(&format!("{whole}policies = [\"{{}}\"]\n")), "policy 1"),
        (key(&format!("{whole}name = \"a/b\"\n")), "its name"),
        (key("id = \"a/b\"\naccount = \"111111111111\"\n"), "its id"),
        (format!("{}{}", key(whole), key(whole)), "twice"),
        ("keys = 1".into(), "unknown field `keys`"),
        (format!("[[key]]\nsecret = '{SECRET}\n{whole}"), "line 2"),
        (
            format!("[[key]]\nsecret = [\"{SECRET}\"]\n{whole}"),
            "line 2",
        ),
        (
            format!("[[key]]\nsecret = 12345678901234567\n{whole}"),
            "line 2",
        ),
        (
            format!("[[key]]\nsecret = \"short\"\n{whole}"),
            "fewer than 16",
        ),
        (format!("[[key]]\n{whole}"), "missing field `secret`"),
    ] {
        let refused = Folder::new(&text).read().unwrap_err();
        let said = format!("{refused} {refused:?}");
        assert!(said.contains(part), "{text}: {said}");
        for secret in [SECRET, "12345678901234567", "short\""] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

#[test]
fn a_bad_new_file_leaves_the_keys_as_they_are() {
    let folder = Folder::new(GOOD);
    let ring = KeyRing::open(&folder.keys()).unwrap();
    folder.write("[[key]]");
    ring.reload();
    assert!(ring.get("first").is_some());
    folder.write(&GOOD.replace("\"first\"", "\"third\""));
    ring.reload();
    assert!(ring.get("first").is_none() && ring.get("third").is_some());
    assert!(!format!("{ring:?}").contains("nobody-must-see"));
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let folder = Folder::new(GOOD);
    let path = folder.keys();
    let new = NewKey {
        account: "333333333333".parse().unwrap(),
        name: Some("writer".into()),
        policies: vec![READ.into()],
    };
    let made = create_key(&path, &new).unwrap();
    assert_eq!(made.arn, "arn:aws:iam::333333333333:user/writer");
    assert_eq!((made.id.len(), made.secret.len()), (20, 40));
    assert!(!format!("{made:?}").contains(&made.secret));
    let listed = list_keys(&path).unwrap();
    let ids: Vec<_> = listed.iter().map(|key| key.id.as_str()).collect();
    assert_eq!(ids, ["first", "second", &made.id]);
    assert_eq!(listed[2].policies, [READ]);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    revoke_key(&path, "first").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("# Keys of the house.") && text.contains(&made.id));
    assert!(matches!(
        revoke_key(&path, "first"),
        Err(KeyEditError::NoSuchKey(_))
    ));
    revoke_key(&path, "second").unwrap();
    revoke_key(&path, &made.id).unwrap();
    assert_eq!(list_keys(&path).unwrap(), []);
    let files = std::fs::read_dir(folder.0.path()).unwrap().count();
    assert_eq!(files, 2, "nothing is left beside the file and the policy");
}

#[test]
fn a_first_key_makes_the_file_and_may_do_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let new = NewKey {
        account: "333333333333".parse().unwrap(),
        name: None,
        policies: vec!["*".into()],
    };
    let made = create_key(&path, &new).unwrap();
    let keys = file::read(&path).unwrap();
    assert!(keys[&made.id].user.permissions.may_do_everything());

    let none = NewKey {
        policies: Vec::new(),
        ..new
    };
    let made = create_key(&path, &none).unwrap();
    let keys = file::read(&path).unwrap();
    assert!(!keys[&made.id].user.permissions.may_do_everything());
}

#[test]
fn one_command_at_a_time_changes_the_file() {
    let folder = Folder::new(GOOD);
    let held = std::fs::File::open(folder.0.path()).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let busy = revoke_key(&folder.keys(), "first");
    assert!(matches!(busy, Err(KeyEditError::Busy(_))), "{busy:?}");
    drop(held);
    revoke_key(&folder.keys(), "first").unwrap();
}

#[test]
fn a_file_in_another_layout_is_left_alone() {
    let inline = format!("key = [{{id = 'a', secret = '{SECRET}', account = '111111111111'}}]\n");
    let folder = Folder::new(&inline);
    let refused = revoke_key(&folder.keys(), "a");
    assert!(
        matches!(refused, Err(KeyEditError::Layout(_))),
        "{refused:?}"
    );
    assert_eq!(std::fs::read_to_string(folder.keys()).unwrap(), inline);
}

#[test]
fn a_policy_that_others_may_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, policy) = (folder.path().join("k.toml"), folder.path().join("p.json"));
    let text = "[[key]]\nid = \"A\"\nsecret = \"0123456789abcdef\"\naccount = \"111111111111\"\npolicies = [\"p.json\"]";
    std::fs::write(&keys, text).unwrap();
    let allow = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    std::fs::write(&policy, allow).unwrap();
    let chmod = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod(&keys, 0o600);
    for (mode, is_accepted) in [(0o644, true), (0o600, true), (0o664, false), (0o646, false)] {
        chmod(&policy, mode);
        assert_eq!(KeyRing::open(&keys).is_ok(), is_accepted, "{mode:o}");
    }
}
