//! The witness as a process: every status of the protocol over a real socket, and killed at any time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::too_many_lines, reason = "a test that cannot be set up should fail loudly")]

mod witnesses;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use signer::Checkpoint;
use signer::checkpoint::cosign;
use signer::merkle::empty_root;
use signer::note::{Note, SignatureLine};
use signer::value::TreeRoot;
use witnesses::{Log, WitnessProcess, body, cosigned, key, request, run, size_of, zeren_in};

const NAME: &str = "w.example";
const ORIGIN: &str = "log.example/one";

fn checkpoint_path(origin: &str) -> String {
    let digits: String = Sha256::digest(origin).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/{digits}/checkpoint")
}

#[test]
fn every_status_of_the_protocol() {
    let room = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Log::new(ORIGIN, 1, 40, 99), Log::new(ORIGIN, 1, 40, 5));
    WitnessProcess::make(room.path(), NAME, &key(2));
    let witness = WitnessProcess::start(room.path(), NAME, &["--log", &ours.vkey()]);
    let post = |bytes: &[u8]| request(&witness.url, "POST", "/add-checkpoint", bytes).unwrap();
    let status = |bytes: &[u8]| post(bytes).status;

    // Nothing is cosigned yet.
    assert_eq!(request(&witness.url, "GET", &checkpoint_path(ORIGIN), b"").unwrap().status, 404);
    assert_eq!(size_of(&ours.post(&witness.url, 3, 9).unwrap()), 0);
    // 422: a proof from size 0, an empty log with another root.
    assert_eq!(status(&body("old 0", &ours.proof(3, 9), &ours.checkpoint(9))), 422);
    let root = ours.tree.root_at(3).unwrap();
    let false_empty = Checkpoint { origin: ORIGIN.to_owned(), size: 0, root }.sign(&key(1));
    assert_eq!(status(&body("old 0", &[], &false_empty)), 422);
    // 200, from the empty log on.
    cosigned(&ours.post(&witness.url, 0, 0).unwrap(), &ours.checkpoint(0), NAME, &key(2));
    assert_eq!(Checkpoint::parse(&ours.checkpoint(0).text).unwrap().root, empty_root());
    let answer = ours.post(&witness.url, 0, 9).unwrap();
    assert!(answer.head.contains("content-type: text/plain; charset=utf-8"));
    let first = cosigned(&answer, &ours.checkpoint(9), NAME, &key(2));
    // Again, with a time that is not older.
    let again = cosigned(&ours.post(&witness.url, 9, 9).unwrap(), &ours.checkpoint(9), NAME, &key(2));
    assert!(again >= first);
    // Other people's lines are passed over, and none of them is kept.
    let mut crowded = ours.checkpoint(12);
    crowded.signatures.insert(0, cosign(&crowded.text, "other.example", &key(9), 5));
    crowded.signatures.push(SignatureLine { name: ORIGIN.to_owned(), key_id: [0; 4], payload: vec![0; 64] });
    cosigned(&post(&body("old 9", &ours.proof(9, 12), &crowded)), &crowded, NAME, &key(2));
    let kept = request(&witness.url, "GET", &checkpoint_path(ORIGIN), b"").unwrap();
    let kept = Note::parse(kept.body.as_bytes()).unwrap();
    assert_eq!(kept.text, crowded.text);
    assert_eq!(kept.signatures.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), [ORIGIN, NAME]);
    // Extension lines are signed as they are.
    let mut extended = ours.checkpoint(13);
    extended.text.push_str("more\n");
    extended.signatures = vec![SignatureLine::ed25519(ORIGIN, &key(1).public(), &key(1).sign(extended.text.as_bytes()))];
    cosigned(&post(&body("old 12", &ours.proof(12, 13), &extended)), &extended, NAME, &key(2));
    cosigned(&ours.post(&witness.url, 13, 12 + 1).unwrap(), &ours.checkpoint(13), NAME, &key(2));

    // 400.
    assert_eq!(ours.post(&witness.url, 14, 13).unwrap().status, 400);
    let good = ours.body(13, 15);
    for bad in [&b""[..], b"old 13", b"old 13\n\n", &good[1..], &good[..good.len() - 1], b"\xff\xfe"] {
        assert_eq!(status(bad), 400);
    }
    let hashes = vec![ours.proof(13, 15)[0]; 64];
    assert_eq!(status(&body("old 13", &hashes, &ours.checkpoint(15))), 400);
    // 403.
    let unsigned = Checkpoint::parse(&ours.checkpoint(15).text).unwrap().sign(&key(8));
    assert_eq!(status(&body("old 13", &ours.proof(13, 15), &unsigned)), 403);
    let mut spoiled = ours.checkpoint(15);
    spoiled.signatures[0].payload[0] ^= 1;
    assert_eq!(status(&body("old 13", &ours.proof(13, 15), &spoiled)), 403);
    // 404.
    let other = Log::new("log.example/two", 1, 9, 99);
    assert_eq!(other.post(&witness.url, 0, 9).unwrap().status, 404);
    for (method, path) in [("GET", "/"), ("GET", "/x/checkpoint"), ("POST", "/add-checkpoin"), ("GET", "/logs/v0")] {
        assert_eq!(request(&witness.url, method, path, b"").unwrap().status, 404, "{method} {path}");
    }
    // 405.
    for (method, path) in [("GET", "/add-checkpoint"), ("PUT", "/add-checkpoint"), ("POST", &checkpoint_path(ORIGIN))] {
        assert_eq!(request(&witness.url, method, path, b"").unwrap().status, 405, "{method} {path}");
    }
    // 409: late, and a rollback; another root of the same size.
    assert_eq!(size_of(&ours.post(&witness.url, 9, 15).unwrap()), 13);
    assert_eq!(size_of(&ours.post(&witness.url, 9, 10).unwrap()), 13);
    assert_eq!(size_of(&ours.post(&witness.url, 10, 10).unwrap()), 13);
    assert_eq!(size_of(&theirs.post(&witness.url, 13, 13).unwrap()), 13);
    // 413: one byte more than the longest good body.
    let most = 65_000 + 63 * 45 + 64;
    assert_eq!(status(&vec![b'a'; most]), 400);
    assert_eq!(status(&vec![b'a'; most + 1]), 413);
    // 422.
    assert_eq!(theirs.post(&witness.url, 13, 15).unwrap().status, 422);
    assert_eq!(status(&body("old 13", &[], &ours.checkpoint(15))), 422);
    assert_eq!(status(&body("old 13", &ours.proof(13, 15), &ours.checkpoint(16))), 422);
    // What went wrong is said, in the language that was asked for.
    assert!(theirs.post(&witness.url, 13, 15).unwrap().body.contains("\"rule\":\"proof\""));

    // The fork that it was shown is kept, and is a proof for whoever has the log's key.
    let forks: Vec<_> = fs::read_dir(room.path().join(NAME).join("forks")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(forks.len(), 2, "one for the same size, one by a proof from another prefix");
    fs::write(room.path().join("policy"), format!("log {}\nquorum none\n", ours.vkey())).unwrap();
    for fork in &forks {
        let (code, said) = run(room.path(), &["verify", "fork", fork.to_str().unwrap(), "--policy", "policy"]);
        assert_eq!(code, 1);
        assert!(said.contains("FORK: two histories of log.example/one") && said.contains("The ledger's own key signed both"), "{said}");
    }
    let log = witness.log();
    assert!(log.contains("\"alarm\"") && log.contains("\"fork\"") && !log.contains("— "), "{log}");
    assert!(log.lines().all(|line| line.starts_with('{')));
    assert_eq!(witness.stop(), 0);
}

#[test]
fn a_witness_is_not_started_by_mistake() {
    let room = tempfile::tempdir().unwrap();
    let log = Log::new(ORIGIN, 1, 9, 99).vkey();
    WitnessProcess::make(room.path(), NAME, &key(2));
    let serve = |dir: &str, name: &str, more: &[&str]| {
        let fixed = ["witness", "serve", "--dir", dir, "--key", "w.example.pem", "--name", name];
        run(room.path(), &fixed.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let here = ["--listen", "127.0.0.1:0", "--log", log.as_str()];
    let (code, said) = serve("elsewhere", NAME, &here);
    assert!(code == 2 && said.contains("zeren witness new") && !room.path().join("elsewhere").exists(), "{said}");
    let (code, said) = serve(NAME, "other.example", &here);
    assert!(code == 2 && said.contains("another witness"), "{said}");
    let (code, said) = serve(NAME, NAME, &["--listen", "0.0.0.0:0", "--log", log.as_str()]);
    assert!(code == 2 && said.contains("--plain-http"), "{said}");
    let (code, said) = serve(NAME, NAME, &["--listen", "127.0.0.1:0"]);
    assert!(code == 2 && said.contains("no log"), "{said}");
    let (code, said) = serve(NAME, NAME, &["--listen", "127.0.0.1:0", "--log", "log.example+00+AA=="]);
    assert!(code == 2 && said.contains("verifier key"), "{said}");
    // Damaged: it says which file, and what to do.
    let running = WitnessProcess::start(room.path(), NAME, &["--log", &log]);
    let (code, said) = serve(NAME, NAME, &here);
    assert!(code == 2 && said.contains("another process"), "{said}");
    drop(running);
    let file = fs::read_dir(room.path().join(NAME).join("checkpoints")).unwrap().next().unwrap().unwrap().path();
    fs::write(&file, "rubbish").unwrap();
    let (code, said) = serve(NAME, NAME, &here);
    assert!(code == 1 && said.contains("retire this witness's key"), "{said}");
    let arguments = ["witness", "serve", "--dir", NAME, "--key", "w.example.pem", "--name", NAME];
    let chinese = zeren_in("zh", room.path(), &arguments.iter().chain(&here).copied().collect::<Vec<_>>());
    assert!(witnesses::said(&chinese).contains("该见证密钥应停用"));
}

/// Answers of one kind that left the witness, by size.
#[derive(Default)]
struct Given {
    roots: Mutex<BTreeMap<u64, BTreeSet<[u8; 32]>>>,
    largest: AtomicU64,
}

impl Given {
    fn note(&self, size: u64, root: TreeRoot) {
        self.roots.lock().unwrap().entry(size).or_default().insert(root.0);
        self.largest.fetch_max(size, Ordering::SeqCst);
    }
}

/// Asks on until the witness is gone: sizes one after the other, from wherever the witness says it is.
fn ask_until_gone(url: &str, log: &Log, given: &Given) {
    let mut known = 0;
    loop {
        let size = (known + 1).min(log.tree.size());
        let Some(answer) = log.post(url, known, size) else { return };
        match answer.status {
            200 => {
                cosigned(&answer, &log.checkpoint(size), NAME, &key(2));
                given.note(size, log.tree.root_at(size).unwrap());
                known = size;
            }
            409 => known = size_of(&answer).min(log.tree.size()),
            // This history is not the one that was taken.
            422 => std::thread::sleep(Duration::from_millis(5)),
            _ => panic!("{answer:?}"),
        }
    }
}

#[test]
fn killed_at_any_time_it_never_goes_back_and_never_signs_two_roots() {
    let room = tempfile::tempdir().unwrap();
    // Two histories from entry 3 on: whichever is taken first is the one.
    let logs = [Log::new(ORIGIN, 1, 4_000, 99_999), Log::new(ORIGIN, 1, 4_000, 3)];
    WitnessProcess::make(room.path(), NAME, &key(2));
    let given = Given::default();
    let mut rounds_with_answers = 0;
    for round in 0..14_u64 {
        let witness = WitnessProcess::start(room.path(), NAME, &["--log", &logs[0].vkey()]);
        let before = given.largest.load(Ordering::SeqCst);
        let kept = request(&witness.url, "GET", &checkpoint_path(ORIGIN), b"").unwrap();
        if before > 0 {
            let kept = Checkpoint::parse(&Note::parse(kept.body.as_bytes()).unwrap().text).unwrap();
            assert!(kept.size >= before, "{} is smaller than {before}, which was answered", kept.size);
        }
        let url = witness.url.clone();
        std::thread::scope(|scope| {
            for log in [&logs[0], &logs[1], &logs[0], &logs[1]] {
                scope.spawn(|| ask_until_gone(&url, log, &given));
            }
            // Some while in the middle of work, a different one each time.
            std::thread::sleep(Duration::from_millis(15 + (round * 37) % 120));
            witness.kill();
        });
        rounds_with_answers += u64::from(given.largest.load(Ordering::SeqCst) > before);
    }
    let roots = given.roots.into_inner().unwrap();
    for (size, roots) in &roots {
        assert_eq!(roots.len(), 1, "two roots of {size} entries were cosigned");
    }
    // All of one history, whichever it was.
    let is_of = |log: &Log| roots.iter().all(|(size, roots)| roots.contains(&log.tree.root_at(*size).unwrap().0));
    assert!(is_of(&logs[0]) != is_of(&logs[1]));
    assert!(rounds_with_answers > 7, "{rounds_with_answers} of 14 rounds had answers: the kills come too early to show anything");
    assert!(room.path().join(NAME).join("forks").read_dir().unwrap().next().is_some(), "the other history was shown and is kept");
}

#[test]
fn an_address_that_asks_too_often_waits_and_no_log_with_it() {
    let room = tempfile::tempdir().unwrap();
    let log = Log::new(ORIGIN, 1, 40, 99);
    WitnessProcess::make(room.path(), NAME, &key(2));
    let witness = WitnessProcess::start(room.path(), NAME, &["--log", &log.vkey(), "--behind-proxy"]);
    // A checkpoint that was signed once is anybody's to send; what stands before the last address is anybody's word.
    let ask = |forwarded: &str| {
        let path = format!("/add-checkpoint HTTP/1.1\r\nx-forwarded-for: {forwarded}\r\nx-rest:");
        request(&witness.url, "POST", &path, &log.body(0, 9)).unwrap()
    };
    let refused = (0..200).map(|n| ask(&format!("10.0.0.{n}, 192.0.2.1"))).find(|answer| answer.status == 429).expect("a limit");
    assert!(refused.head.contains("retry-after: ") && refused.body.contains("\"rule\":\"too-many\""), "{refused:?}");
    assert_eq!(size_of(&ask("192.0.2.2")), 9, "another address is not held up");
    // Nor is what comes from this machine, however often.
    assert!((0..200).all(|_| log.post(&witness.url, 9, 9).unwrap().status == 200));
    witness.stop();
    // Where no proxy says for whom it asks, all of it is one address that is never held up.
    let witness = WitnessProcess::start(room.path(), NAME, &["--log", &log.vkey()]);
    assert!((0..200).all(|_| log.post(&witness.url, 9, 9).unwrap().status == 200));
}
