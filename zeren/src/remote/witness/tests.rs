use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use ledger::history::Tree;
use signer::SecretKey;
use signer::checkpoint::cosign;
use signer::merkle::leaf_hash;
use zeroize::Zeroizing;

use super::*;

const ORIGIN: &str = "log.example/one";

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([n; 32]))
}

fn tree(size: u64) -> Tree {
    let mut tree = Tree::default();
    (0..size).for_each(|n| tree.push(leaf_hash(n.to_string().as_bytes())));
    tree
}

fn checkpoint(size: u64) -> Note {
    Checkpoint { origin: ORIGIN.to_owned(), size, root: tree(size).root_at(size).unwrap() }.sign(&key(1))
}

/// A witness that gives these answers, one a connection, whatever it is asked; afterwards it says what it was asked.
fn scripted(answers: Vec<String>) -> (Asked, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let take = |answer: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut heard, mut bytes) = (String::new(), [0; 4_096]);
            // The checkpoint's note is the end of every body; a GET has none.
            while !heard.contains("\n— ") && !heard.starts_with("GET") {
                let count = stream.read(&mut bytes).unwrap();
                assert!(count > 0, "{heard}");
                heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            // Who has heard enough may be gone.
            let _ = stream.write_all(answer.as_bytes());
            heard
        };
        answers.into_iter().map(take).collect()
    });
    (Asked { url, name: "w.example".to_owned(), key: key(2).public(), authorities: Authorities::default() }, heard)
}

fn answer(status: &str, media: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn size(size: u64) -> String {
    answer("409 Conflict", "text/x.tlog.size", &format!("{size}\n"))
}

fn cosigned(checkpoint: &Note, name: &str, secret: &SecretKey) -> String {
    answer("200 OK", "text/plain", &format!("{}\n", cosign(&checkpoint.text, name, secret, 7).encode()))
}

/// Asks with a checkpoint of nine entries; gives the answer and the first lines of what was asked.
fn ask_nine(answers: Vec<String>, last_known: u64) -> (Result<SignatureLine, AskError>, Vec<String>) {
    let (asked, heard) = scripted(answers);
    let answer = ask(&asked, &checkpoint(9), last_known, |old| tree(9).consistency(old, 9));
    let first = |heard: String| heard.split("\r\n\r\n").nth(1).and_then(|body| body.lines().next()).unwrap_or_default().to_owned();
    (answer, heard.join().unwrap().into_iter().map(first).collect())
}

#[test]
fn it_goes_on_from_what_the_witness_has() {
    let good = cosigned(&checkpoint(9), "w.example", &key(2));
    let (answer, heard) = ask_nine(vec![size(4), size(6), good.clone()], 0);
    assert_eq!(answer.unwrap().name, "w.example");
    assert_eq!(heard, ["old 0", "old 4", "old 6"]);
    // A guess that is too high is cut to the checkpoint's size.
    let (answer, heard) = ask_nine(vec![good], 99);
    assert!(answer.is_ok());
    assert_eq!(heard, ["old 9"]);
    // One that never agrees is left.
    let (answer, heard) = ask_nine(vec![size(1), size(2), size(3), size(4)], 0);
    assert!(matches!(answer, Err(AskError::Refused { status: 409, .. })) && heard.len() == REQUESTS_MAX);
}

#[test]
fn evidence_is_told_apart_from_trouble() {
    let refused = |status: &str| answer(status, "application/problem+json", "{}");
    assert_eq!(ask_nine(vec![size(12)], 0).0, Err(AskError::KnowsLarger { known: 12, asked: 9 }));
    assert_eq!(ask_nine(vec![size(9), size(9)], 0).0, Err(AskError::KnowsOther { known: 9 }));
    assert_eq!(ask_nine(vec![size(5), refused("422 Unprocessable Entity")], 0).0, Err(AskError::KnowsOther { known: 5 }));
    for evidence in [AskError::KnowsOther { known: 9 }, AskError::KnowsLarger { known: 12, asked: 9 }] {
        assert!(evidence.is_evidence());
    }
    for (status, code) in [("404 Not Found", 404), ("403 Forbidden", 403), ("503 Service Unavailable", 503), ("302 Found", 302)] {
        let error = ask_nine(vec![refused(status)], 0).0.unwrap_err();
        assert!(matches!(error, AskError::Refused { status, .. } if status == code) && !error.is_evidence(), "{error}");
    }
    // A 409 without its media type says nothing of sizes.
    let plain = ask_nine(vec![answer("409 Conflict", "text/plain", "12\n")], 0).0;
    assert!(matches!(plain, Err(AskError::Refused { status: 409, .. })));
    let unproved = {
        let (asked, heard) = scripted(vec![size(4)]);
        let answer = ask(&asked, &checkpoint(9), 0, |_| None);
        heard.join().unwrap();
        answer
    };
    assert_eq!(unproved, Err(AskError::ProofMissing(4)));
    let nobody = Asked {
        url: "http://127.0.0.1:9".to_owned(),
        name: "w.example".to_owned(),
        key: key(2).public(),
        authorities: Authorities::default(),
    };
    assert!(matches!(ask(&nobody, &checkpoint(9), 0, |_| None), Err(AskError::Unreachable(_))));
}

#[test]
fn nothing_is_believed_that_does_not_verify() {
    let nine = checkpoint(9);
    for lie in [
        cosigned(&nine, "w.example", &key(3)),
        cosigned(&nine, "x.example", &key(2)),
        cosigned(&checkpoint(8), "w.example", &key(2)),
        answer("200 OK", "text/plain", ""),
        answer("200 OK", "text/plain", "<html>\n"),
    ] {
        assert!(matches!(ask_nine(vec![lie.clone()], 0).0, Err(AskError::WrongSignature(_))), "{lie}");
    }
    // Lines of other keys are passed over.
    let both = format!("{}\n{}\n", cosign(&nine.text, "x", &key(5), 7).encode(), cosign(&nine.text, "w.example", &key(2), 7).encode());
    assert!(ask_nine(vec![answer("200 OK", "text/plain", &both)], 0).0.is_ok());
    // More than is read.
    let long = answer("200 OK", "text/plain", &"a".repeat(ANSWER_BYTES_MAX as usize + 1));
    assert!(matches!(ask_nine(vec![long], 0).0, Err(AskError::Unreachable(_))));
    // No redirect is followed: nobody listens where this one leads.
    let elsewhere = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert!(matches!(ask_nine(vec![elsewhere.to_owned()], 0).0, Err(AskError::Refused { status: 307, .. })));
    // A stranger's words move no cursor.
    let words = ask_nine(vec![answer("400 Bad Request", "text/plain", "\u{1b}[2J\nno")], 0).0;
    assert_eq!(words, Err(AskError::Refused { status: 400, words: "\u{FFFD}[2J\u{FFFD}no".to_owned() }));
}

#[test]
fn what_a_witness_has_makes_the_proof() {
    let theirs = {
        let mut other = Tree::default();
        (0..7).for_each(|n| other.push(leaf_hash(format!("{n} other").as_bytes())));
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 7, root: other.root_at(7).unwrap() };
        let mut note = checkpoint.sign(&key(1));
        note.signatures.push(cosign(&note.text, "w.example", &key(2), 7));
        note
    };
    let keys = [Key::signs(ORIGIN, key(1).public())];
    let prefix = |size| Some(Prefix { root: tree(9).root_at(size)?, proof: tree(9).consistency(size, 9)? });
    let (asked, heard) = scripted(vec![answer("200 OK", "text/plain", &theirs.encode())]);
    let proof = fork(&asked, &checkpoint(9), &keys, &[], prefix).unwrap();
    assert!(heard.join().unwrap()[0].starts_with(&format!("GET /{}/checkpoint HTTP/1.1", file_name(ORIGIN))));
    assert_eq!(proof.verify(None).unwrap().signers.map(|side| side.len()), [2, 1]);
    // Its own history is no fork; one that it did not cosign is nothing.
    let mut same = checkpoint(7);
    same.signatures.push(cosign(&same.text, "w.example", &key(2), 7));
    let (asked, _heard) = scripted(vec![answer("200 OK", "text/plain", &same.encode())]);
    assert!(fork(&asked, &checkpoint(9), &keys, &[], prefix).unwrap_err().contains("do not contradict"));
    let (asked, _heard) = scripted(vec![answer("200 OK", "text/plain", &checkpoint(7).encode())]);
    assert!(fork(&asked, &checkpoint(9), &keys, &[], prefix).unwrap_err().contains("no cosignature that verifies"));
}
