//! A trace from kept views, without replaying the ledger, says what a replay says, byte for byte, whatever was done to files that
//! nobody has to believe.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use projector::store::tamper;
use projector::{Key, Prefix};

const PAYMENT: [&str; 2] = ["payment", "07-06-002@b-2013-1"];
const CASE: &str = "07-06-002";

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(args).current_dir(folder).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The county's year, with its views; every test copies them.
static COUNTY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--lang", "en", "demo", "--profile", "s", "--dir", "county"]);
    assert!(output.status.success(), "{}", text(&output));
    let output = kept(folder.path(), &PAYMENT);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output));
    folder
});

fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(COUNTY.path(), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() { copy(&entry.path(), &target) } else { _ = fs::copy(entry.path(), target).unwrap() }
    }
}

fn kept(folder: &Path, subject: &[&str]) -> Output {
    kept_in("en", folder, subject)
}

fn kept_in(lang: &str, folder: &Path, subject: &[&str]) -> Output {
    let args = ["--dir", "county", "--policy", "county/trust-policy", "--views", "views"];
    run(folder, &[&["--lang", lang, "trace"], subject, &args].concat())
}

fn replayed(lang: &str, folder: &Path, subject: &[&str]) -> Output {
    run(folder, &[&["--lang", lang, "trace"], subject, &["--dir", "county", "--policy", "county/trust-policy"]].concat())
}

fn generation(folder: &Path) -> PathBuf {
    let all = fs::read_dir(folder.join("views")).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("generation-")).max().unwrap()
}

fn flip(path: &Path, at: impl FnOnce(usize) -> usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A byte of an entry that no trace here rests on is changed: a replay would say that the record is damaged.
fn spoil_replay(folder: &Path) {
    let segment = folder.join("county/segments/000000");
    let used = fs::read(&segment).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    flip(&segment, |_| used * 3 / 5);
}

#[test]
fn what_is_said_without_a_replay_is_what_a_replay_says() {
    let folder = copied();
    let subjects: [&[&str]; 9] = [
        &PAYMENT,
        &["payment", "07-06-002@b-2013-1", "--json"],
        &["case", CASE],
        &["case", CASE, "--json"],
        &["payment", "07-10-030"],
        &["case", "07-10-030"],
        &["case", "07-06-003"],
        // Asked again with the ledger replayed.
        &["case", "07-06-0O2"],
        &["payment", "07-06-002@b-1999-1"],
    ];
    for subject in subjects {
        for lang in ["en", "zh"] {
            let (quick, slow) = (kept_in(lang, folder.path(), subject), replayed(lang, folder.path(), subject));
            assert_eq!(quick.status.code(), slow.status.code(), "{subject:?}: {}", text(&quick));
            assert!(quick.stdout == slow.stdout && quick.stderr == slow.stderr, "{subject:?}: {}\nnot\n{}", text(&quick), text(&slow));
        }
    }
    // It really was not replayed: what it does not rest on may be damaged.
    let expected = kept(folder.path(), &PAYMENT);
    spoil_replay(folder.path());
    let (quick, slow) = (kept(folder.path(), &PAYMENT), replayed("en", folder.path(), &PAYMENT));
    assert!(quick.status.success() && quick.stdout == expected.stdout, "{}", text(&quick));
    assert!(!slow.status.success() && slow.stdout.is_empty() && text(&slow).contains("damaged"), "{}", text(&slow));
}

#[test]
fn derived_files_are_not_believed() {
    let expected = kept(COUNTY.path(), &PAYMENT).stdout;
    let levels = fs::read_dir(COUNTY.path().join("county/hashes")).unwrap().count();
    assert!(levels > 8, "{levels}");
    let names = ["bundles".to_owned(), "hashes/0".to_owned(), "hashes/4".to_owned(), format!("hashes/{}", levels - 1)];
    for name in &names {
        for how in ["first", "middle", "last", "short", "cut", "longer", "absent", "nothing"] {
            let folder = copied();
            // Only where no replay is needed is it known that none was made.
            spoil_replay(folder.path());
            let path = folder.path().join("county").join(name);
            let bytes = fs::read(&path).unwrap();
            match how {
                "first" => flip(&path, |_| 3),
                "middle" => flip(&path, |length| length / 2),
                "last" => flip(&path, |length| length - 1),
                "short" => fs::write(&path, &bytes[..bytes.len() - 1]).unwrap(),
                "cut" => fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
                "longer" => fs::write(&path, [&bytes[..], &[7; 100]].concat()).unwrap(),
                "absent" => fs::remove_file(&path).unwrap(),
                _ => fs::write(&path, []).unwrap(),
            }
            let said = kept(folder.path(), &PAYMENT);
            // Made anew, the hashes show that the record is damaged: then the replay says so. By files that are fit nothing is seen of it.
            let is_damage = !said.status.success() && said.stdout.is_empty() && text(&said).contains("damaged");
            assert!(said.stdout == expected || is_damage, "{name} {how}: {}", text(&said));
            // On the sound record the answer is always the same.
            fs::copy(COUNTY.path().join("county/segments/000000"), folder.path().join("county/segments/000000")).unwrap();
            let said = kept(folder.path(), &PAYMENT);
            assert!(said.stdout == expected && said.stderr.is_empty(), "{name} {how}: {}", text(&said));
        }
    }
}

/// Rows on which the answer rests: changed, taken away, or of a store that fell back. Always the same answer, and the views are
/// built anew aloud.
#[test]
fn rows_that_are_in_doubt_are_built_anew() {
    let expected = kept(COUNTY.path(), &PAYMENT).stdout;
    let mut keys: Vec<(Vec<u8>, &str)> = Vec::new();
    let folder = copied();
    tamper::edit(&generation(folder.path()), |rows| {
        let of = |prefix: &Prefix| rows.keys().filter(|key| key.starts_with(prefix.bytes())).cloned().collect::<Vec<_>>();
        let case_entries = of(&Prefix::case_entries(CASE));
        assert!(case_entries.len() > 10);
        keys.extend([
            (case_entries[0].clone(), "first entry of the case"),
            (case_entries[case_entries.len() - 1].clone(), "its last entry"),
        ]);
        keys.extend([(Key::Case(CASE.to_owned()).encode(), "case"), (Key::Batch("b-2013-1".to_owned()).encode(), "batch")]);
        keys.extend([(of(&Prefix::constitutions())[0].clone(), "founding"), (of(&Prefix::enactments())[0].clone(), "enactment")]);
        keys.extend([(Key::Entry(0).encode(), "entry 0"), (Key::Ledger.encode(), "the ledger"), (tamper::CURSOR_KEY.to_vec(), "cursor")]);
        let device = rows.keys().find(|key| key.starts_with(b"device\0")).unwrap().clone();
        assert!(matches!(Key::decode(&device), Some(Key::Device(_))));
    })
    .unwrap();
    for (key, what) in &keys {
        for is_gone in [true, false] {
            let folder = copied();
            tamper::edit(&generation(folder.path()), |rows| {
                if is_gone { _ = rows.remove(key) } else { *rows.get_mut(key).unwrap().last_mut().unwrap() ^= 1 }
            })
            .unwrap();
            let said = kept(folder.path(), &PAYMENT);
            assert!(said.stdout == expected, "{what} {is_gone}: {}", text(&said));
            assert!(text(&said).contains("views were in doubt and have been built anew"), "{what} {is_gone}: {}", text(&said));
            let again = kept(folder.path(), &PAYMENT);
            assert!(again.stdout == expected && again.stderr.is_empty(), "{what}: rebuilt once");
        }
    }
    for name in ["current", "db"] {
        let folder = copied();
        let path = if name == "db" { generation(folder.path()).join("db") } else { folder.path().join("views/current") };
        flip(&path, |length| length / 2);
        let said = kept(folder.path(), &PAYMENT);
        assert!(said.stdout == expected, "{name}: {}", text(&said));
    }
}

/// Somebody who has the seals right too: rows name entries, and what those say counts.
#[test]
fn rows_that_were_sealed_anew_are_held_against_the_record() {
    use projector::rows::Row;
    use projector::store::Store;
    use projector::{Rows as _, rows::Changes};
    let found = |folder: &Path| {
        let store = Store::open(&generation(folder)).unwrap();
        let rows = store.page(&Prefix::all(), None, usize::MAX).unwrap();
        let enactment = rows.iter().find(|(key, _)| matches!(key, Key::Enactment(_))).unwrap().clone();
        drop(store);
        enactment
    };
    for forged in ["device", "enactment", "enrolled", "office", "key"] {
        let folder = copied();
        let (enactment, _) = found(folder.path());
        let said = kept(folder.path(), &["case", CASE, "--json"]);
        let case: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        let visit = case["entries"].as_array().unwrap().iter().find(|act| act["detail"] == "visit").unwrap();
        let signed = &visit["signed_by"][0];
        let person = signed["person"].as_str().unwrap().to_owned();
        let entry = Key::Entry(visit["entry"].as_u64().unwrap());
        let mut store = Store::open(&generation(folder.path())).unwrap();
        let Some(Row::Entry(visited)) = store.row(&entry).unwrap() else { panic!("no visit") };
        let key = match forged {
            "device" => Key::Device(signed["device"].as_str().unwrap().to_owned()),
            "enactment" => enactment,
            "enrolled" => Key::Person(person),
            "key" => Key::PersonKey(person, visited.signers[0].key),
            _ => entry,
        };
        let mut row = store.row(&key).unwrap().unwrap();
        match (&mut row, forged) {
            (Row::Number(entry), _) => *entry -= 1,
            (Row::Enactment(row), _) => row.digest[0] ^= 1,
            (Row::Person(row), _) => row.enrolled -= 1,
            (Row::Entry(row), _) => row.signers[0].appointment -= 1,
            (Row::Key(row), _) => row.key[0] ^= 1,
            other => panic!("{other:?}"),
        }
        let cursor = store.cursor().unwrap().unwrap();
        let rows = [(key, Box::new(row))].into_iter().collect();
        store.commit(Changes { from: cursor.size, to: cursor.size, rows }, cursor).unwrap();
        drop(store);
        let output = kept(folder.path(), &["case", CASE]);
        let said = text(&output);
        let is_refused = output.status.code() == Some(3) && output.stdout.is_empty();
        assert!(is_refused, "{forged}: {said}");
    }
}
