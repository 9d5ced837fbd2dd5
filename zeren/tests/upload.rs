//! Uploading to a service that is strict, interrupted or dishonest: what the clerk is told, and what is kept.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

mod served;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use signer::Note;
use signer::draft::Draft;

use self::served::Served;

/// A signed draft of objections of t701 on cases of village 05: `NAME.draft`; gives its notes.
fn objections(served: &Served, name: &str, cases: std::ops::Range<u32>) -> Vec<String> {
    let (key, url, draft, desk) = (served.key("t701"), served.url(), format!("{name}.draft"), format!("{name}.desk"));
    let rows: String = cases.map(|case| format!("07-05-{case:03},mistake\n")).collect();
    fs::write(served.path("rows.csv"), format!("case,reason\n{rows}")).unwrap();
    let who = ["--key", &key, "--person", "t701", "--policy", "county/trust-policy"];
    served.ok(&[&["desk", "fetch", "--service", &url, "-o", &desk], &who[..]].concat());
    let by = ["--desk", &desk, "--by", "t701", "--device", "d-07-pair-1", "-o", &draft];
    served.ok(&[&["draft", "objection", "--rows", "rows.csv", "evidence none"], &by[..]].concat());
    served.ok(&["sign", &draft, "--key", &key, "--person", "t701", "--yes"]);
    let draft = Draft::parse(&fs::read(served.path(&draft)).unwrap()).unwrap();
    draft.statements.iter().map(|statement| statement.note().encode()).collect()
}

/// Where receipts of the service's ledger lie beside a key.
fn shelf(served: &Served, key: &str) -> PathBuf {
    let ledger = served.get("/v1/ledger", None).json()["ledger"].as_str().unwrap().to_owned();
    served.path(&format!("{key}.receipts")).join(ledger.rsplit('/').next().unwrap())
}

/// Somebody between the clerk and the service, who sees and changes what is posted: the notes on their way there, the answers on their
/// way back. Counts the uploads.
struct Between {
    url: String,
    uploads: Arc<AtomicUsize>,
}

impl Between {
    fn start(
        served: &Served,
        there: impl Fn(&mut Vec<String>) + Send + 'static,
        back: impl Fn(&mut Vec<Value>) -> bool + Send + 'static,
    ) -> Between {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (url, service) = (format!("http://{}", listener.local_addr().unwrap()), served.address.clone());
        let uploads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&uploads);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (first, mut body) = request(&stream);
                let is_upload = first.starts_with("POST /v1/statements");
                if is_upload {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let mut notes = serde_json::from_value(serde_json::from_slice::<Value>(&body).unwrap()["notes"].take()).unwrap();
                    there(&mut notes);
                    body = json!({ "notes": notes }).to_string().into_bytes();
                }
                let mut answer = ask(&service, &first, &body);
                if is_upload && answer.starts_with(b"HTTP/1.1 200") {
                    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
                    let mut answers = serde_json::from_slice::<Value>(&answer[at..]).unwrap()["answers"].as_array().unwrap().clone();
                    let status = if back(&mut answers) { "200 OK" } else { "502 Bad Gateway" };
                    let body = json!({ "recorded": 0, "answers": answers }).to_string();
                    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                    answer = (head + &body).into_bytes();
                }
                let _ = (&stream).write_all(&answer);
            }
        });
        Between { url, uploads }
    }

    fn uploads(&self) -> usize {
        self.uploads.load(Ordering::SeqCst)
    }
}

/// The first line of a request, and its body.
fn request(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap() > 0 && !head.ends_with("\r\n\r\n") {}
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    (head.lines().next().unwrap().to_owned(), body)
}

fn ask(service: &str, first: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(service).unwrap();
    let length = body.len();
    let head = format!("{first}\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn upload(served: &Served, url: &str, more: &[&str]) -> (i32, String) {
    served.run(&[&["submit", "--to", url, "--key", "t701.pem"], more].concat())
}

#[test]
fn a_statement_that_was_swallowed_is_not_called_recorded() {
    let served = Served::start(&[]);
    let notes = objections(&served, "a", 4..6);
    // A genuine receipt of another entry, which the clerk has already.
    let entry = served.get("/v1/entries/2001", Some(&served.token("o001"))).json();
    let (receipt, other) = (entry["receipt"].as_str().unwrap().to_owned(), entry["note"].as_str().unwrap().to_owned());
    let shelf = shelf(&served, "t701.pem");
    fs::create_dir_all(&shelf).unwrap();
    fs::write(shelf.join("2001.tlog-proof"), &receipt).unwrap();
    fs::write(shelf.join("2001.note"), &other).unwrap();
    for shown in [None, Some(other.clone()), Some(notes[0].clone())] {
        let receipt = receipt.clone();
        let swallow = Between::start(
            &served,
            |notes| notes.iter_mut().for_each(|note| *note = "x".to_owned()),
            move |answers| {
                let said = json!({ "recorded": true, "repeated": true, "index": 2001, "receipt": receipt, "warnings": [], "note": shown });
                answers.iter_mut().for_each(|answer| *answer = said.clone());
                true
            },
        );
        let (code, said) = upload(&served, &swallow.url, &["a.draft"]);
        assert!(code == 1 && said.contains("does not verify") && said.contains("tell the auditors"), "{code} {said}");
        assert!(said.contains("nothing recorded") && said.contains("2 without an answer") && !said.contains("verified,"), "{said}");
    }
    assert_eq!(fs::read_to_string(shelf.join("2001.note")).unwrap(), other);
    assert_eq!(fs::read_to_string(shelf.join("2001.tlog-proof")).unwrap(), receipt);
    assert_eq!(fs::read_dir(&shelf).unwrap().count(), 2);
    let (code, said) = upload(&served, &served.url(), &["a.draft"]);
    assert!(code == 0 && said.contains("2 recorded, 0 refused; every receipt verified"), "{said}");
}

#[test]
fn what_was_recorded_with_other_signature_bytes_is_shown() {
    let served = Served::start(&[]);
    let note = objections(&served, "a", 4..5).remove(0);
    assert_eq!(upload(&served, &served.url(), &["a.draft"]).0, 0);
    // The same text, signed otherwise: what is sent in its place is what was recorded.
    let mut resigned = Note::parse(note.as_bytes()).unwrap();
    let last = resigned.signatures[0].payload.last_mut().unwrap();
    *last ^= 1;
    fs::write(served.path("again.note"), resigned.encode()).unwrap();
    for is_shown in [true, false] {
        let sent = note.clone();
        let swap = Between::start(
            &served,
            move |notes| notes[0].clone_from(&sent),
            move |answers| {
                assert_eq!(answers[0]["repeated"], true);
                if !is_shown {
                    answers[0].as_object_mut().unwrap().remove("note");
                }
                true
            },
        );
        let (code, said) = upload(&served, &swap.url, &["again.note", "--receipts", if is_shown { "shown" } else { "hidden" }]);
        assert_eq!(code, i32::from(!is_shown), "{said}");
    }
    assert_eq!(fs::read_to_string(served.path("shown/2003.note")).unwrap(), note);
    assert!(!served.path("hidden").exists());
}

#[test]
fn what_was_recorded_before_a_failure_is_said_and_not_sent_again() {
    let served = Served::start(&[]);
    let notes = objections(&served, "a", 4..8);
    assert_eq!(notes.len(), 4);
    // The third answer is damaged on its way.
    let damage = Between::start(
        &served,
        |_| (),
        |answers| {
            if let Some(third) = answers.get_mut(2) {
                third["receipt"] = json!("x");
            }
            true
        },
    );
    let (code, said) = upload(&served, &damage.url, &["a.draft"]);
    assert!(code == 1 && said.contains("recorded as entry 2003") && said.contains("recorded as entry 2004"), "{code} {said}");
    assert!(said.contains("2 recorded, 0 refused") && said.contains("2 without an answer"), "{said}");
    // The answer is lost: nothing is known, and the same again brings it.
    let lose = Between::start(&served, |notes| assert_eq!(notes.len(), 2), |_| false);
    let (code, said) = upload(&served, &lose.url, &["a.draft"]);
    assert!(code == 3 && said.contains("was recorded before, as entry 2003") && said.contains("2 without an answer"), "{code} {said}");
    let through = Between::start(&served, |notes| assert_eq!(notes.len(), 2), |_| true);
    let (code, said) = upload(&served, &through.url, &["a.draft"]);
    assert!(code == 0 && said.contains("4 recorded, 0 refused"), "{said}");
    // Whatever is proved by what lies here is not sent at all, also where an earlier version put it.
    let shelf = shelf(&served, "t701.pem");
    for file in fs::read_dir(&shelf).unwrap().map(|file| file.unwrap()) {
        fs::rename(file.path(), served.path("t701.pem.receipts").join(file.file_name())).unwrap();
    }
    let (code, said) = upload(&served, &through.url, &["a.draft"]);
    assert!(code == 0 && said.contains("4 recorded, 0 refused") && through.uploads() == 1, "{said}");
    // A receipt that does not verify proves nothing.
    fs::write(served.path("t701.pem.receipts/2003.note"), &notes[1]).unwrap();
    let send = Between::start(&served, |notes| assert_eq!(notes.len(), 1), |_| true);
    let (code, said) = upload(&served, &send.url, &["a.draft"]);
    assert!(code == 0 && send.uploads() == 1, "{said}");
    assert_eq!(fs::read_to_string(shelf.join("2003.note")).unwrap(), notes[0]);
}

#[test]
fn whoever_has_used_up_the_allowance_waits_and_is_told_so_and_repeats_are_nobodys_act() {
    // A desk costs as much as a hundred notes.
    let served = Served::start(&["--person-burst", "104", "--person-rate", "1"]);
    let notes = objections(&served, "a", 4..24);
    let post = |note: &str| served.ask("POST", "/v1/statements", None, "text/plain", note.as_bytes());
    // Anybody can send again what somebody signed: the signer does not pay for it.
    assert_eq!(post(&notes[0]).status, 201);
    assert!((0..30).all(|_| post(&notes[0]).status == 200));
    let (code, said) = upload(&served, &served.url(), &["a.draft"]);
    assert!(code == 0 && said.contains("20 recorded"), "{said}");
    let answer = post(&notes[1]);
    assert_eq!((answer.status, answer.json()["rule"].as_str()), (429, Some("too-many")), "{answer:?}");
    assert!(answer.head.to_lowercase().contains("retry-after: "), "{}", answer.head);
    // The command comes again when the service says so.
    let (code, said) = upload(&served, &served.url(), &["a.draft", "--receipts", "elsewhere"]);
    assert!(code == 0 && said.contains("asks to wait") && said.contains("too-many") && said.contains("20 recorded"), "{said}");
}

#[test]
fn no_option_is_passed_over_and_warnings_are_shown() {
    let served = Served::start(&[]);
    objections(&served, "a", 4..5);
    fs::write(served.path("known.checkpoint"), served.get("/checkpoint", None).body).unwrap();
    for more in [["--known", "known.checkpoint"], ["--checkpoint-key", "t701.pem"], ["--passphrase-fd", "0"]] {
        let (code, said) = upload(&served, &served.url(), &[&["a.draft"], &more[..]].concat());
        assert!(code == 2 && said.contains(more[0]), "{code} {said}");
    }
    let warn = Between::start(
        &served,
        |_| (),
        |answers| {
            answers[0]["warnings"] = json!([{ "rule": "late", "expected": "an answer within 7 days", "found": "after 9", "advice": "x" }]);
            true
        },
    );
    let (code, said) = upload(&served, &warn.url, &["a.draft", "--receipts", "named", "--json"]);
    assert!(code == 0 && said.contains("warning, kept in the record") && said.contains("an answer within 7 days"), "{said}");
    let answers: Value = serde_json::from_str(said.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    assert_eq!(answers["answers"][0]["warnings"][0]["rule"], "late");
    assert!(served.path("named/2003.tlog-proof").exists() && !shelf(&served, "t701.pem").exists());
}

#[test]
fn a_token_is_sent_to_no_other_machine_unencrypted_unless_told() {
    let served = Served::start(&[]);
    let key = served.key("t701");
    let list = ["desk", "list", "--key", &key, "--person", "t701", "--policy", "county/trust-policy", "--service"];
    // An address that is kept for documents: nobody is there.
    let (code, said) = served.run(&[&list[..], &["http://192.0.2.1:8417"]].concat());
    assert!(code == 2 && said.contains("--plain-http"), "{code} {said}");
    assert_eq!(served.run(&[&list[..], &[&served.url()]].concat()).0, 0);
}
