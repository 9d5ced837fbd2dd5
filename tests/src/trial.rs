//! A ledger as files, what it is audited against, and what must be found: by the verifier here and by the one in Python.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ledger::audit::{Question, audit};
use ledger::policy::Policy;
use ledger::storage::Folder;
use signer::value::UnixMs;
use signer::{Note, Rule};

/// Files of a ledger by their names.
pub type Image = BTreeMap<String, Vec<u8>>;

/// The policy that an auditor was given.
#[derive(Clone, Debug)]
pub enum Given {
    /// None.
    Nothing,
    /// A file outside the folder.
    Outside(Vec<u8>),
    /// The file `trust-policy` in the folder.
    Inside(Vec<u8>),
    /// A link outside the folder to the file `trust-policy` in it.
    Linked(Vec<u8>),
}

/// One ledger, and what its audit must say.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What is tried, unique in its table.
    pub name: String,
    /// The folder.
    pub image: Image,
    /// The policy.
    pub policy: Given,
    /// Known checkpoints.
    pub known: Vec<Vec<u8>>,
    /// Rule and index of each finding, in order.
    pub expected: Vec<(Rule, u64)>,
    /// Rule and index of each warning, in order: these entries are admitted.
    pub warned: Vec<(Rule, u64)>,
    /// The verdict, or `usage` for a malformed policy or known checkpoint.
    pub verdict: &'static str,
    /// The entry that is tried, as a submission to the ledger that it was appended to.
    pub door: Option<Submission>,
}

/// A note, and the ledger that it is submitted to.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The folder before it; empty for a founding.
    pub before: Image,
    /// The note.
    pub note: Vec<u8>,
    /// The ledger's clock.
    pub clock: UnixMs,
}

/// What an audit said: the verdict; rule, index and level of each finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The verdict.
    pub verdict: String,
    /// The findings.
    pub findings: Vec<(String, u64, String)>,
}

/// A trial on disk.
pub struct Laid {
    folder: PathBuf,
    policy: Option<PathBuf>,
    known: Vec<PathBuf>,
}

const NOTES: [Rule; 5] = [Rule::Slot, Rule::Uncovered, Rule::Tail, Rule::HashFile, Rule::BundlesFile];

impl Trial {
    /// What the audit must say.
    pub fn said(&self) -> Said {
        let level = |rule: &Rule| if NOTES.contains(rule) { "note" } else { "error" };
        let finding = |(rule, index): &(Rule, u64)| (rule.name().to_owned(), *index, level(rule).to_owned());
        let warning = |(rule, index): &(Rule, u64)| (rule.name().to_owned(), *index, "warn".to_owned());
        let mut findings: Vec<_> = self.warned.iter().map(warning).chain(self.expected.iter().map(finding)).collect();
        if !self.warned.is_empty() {
            // Findings of entries come in the order of entries; a sort keeps those of one entry as they are.
            findings.sort_by_key(|(_, index, _)| *index);
        }
        Said { verdict: self.verdict.to_owned(), findings }
    }

    /// Writes everything below `place`, which must not exist.
    pub fn lay(&self, place: &Path) -> Laid {
        let folder = place.join("ledger");
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in &self.image {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let policy = match &self.policy {
            Given::Nothing => None,
            Given::Outside(bytes) => Some((place.join("policy"), bytes)),
            Given::Inside(bytes) | Given::Linked(bytes) => Some((folder.join("trust-policy"), bytes)),
        };
        let mut policy = policy.map(|(path, bytes)| {
            fs::write(&path, bytes).unwrap();
            path
        });
        if let Given::Linked(_) = self.policy {
            let link = place.join("link");
            std::os::unix::fs::symlink(folder.join("trust-policy"), &link).unwrap();
            policy = Some(link);
        }
        let known = self.known.iter().enumerate().map(|(number, bytes)| {
            let path = place.join(format!("known.{number}"));
            fs::write(&path, bytes).unwrap();
            path
        });
        Laid { known: known.collect(), folder, policy }
    }
}

impl Laid {
    /// Audits with the verifier of this repository.
    pub fn audit(&self) -> Said {
        let usage = || Said { verdict: "usage".to_owned(), findings: Vec::new() };
        let policy = match self.policy.as_ref().map(|path| Policy::parse(&fs::read(path).unwrap())).transpose() {
            Ok(policy) => policy,
            Err(_) => return usage(),
        };
        let known: Option<Vec<Note>> = self.known.iter().map(|path| known_checkpoint(&fs::read(path).unwrap())).collect();
        let Some(known) = known else { return usage() };
        let folder = self.folder.canonicalize().unwrap();
        let is_policy_inside = self.policy.as_ref().is_some_and(|path| path.canonicalize().unwrap().starts_with(&folder));
        let storage = Folder::open_to_read(&self.folder).unwrap();
        let question = Question { storage: &storage, policy: policy.as_ref(), is_policy_inside, known: &known };
        let report = audit(&question, &mut |_, _| {}).unwrap();
        for finding in &report.findings {
            assert!(!finding.refusal.expected.is_empty() && !finding.refusal.found.is_empty(), "{finding:?} helps nobody");
        }
        let finding = |one: &ledger::audit::Finding| (one.refusal.rule.name().to_owned(), one.index, one.level.as_str().to_owned());
        Said { verdict: report.verdict.as_str().to_owned(), findings: report.findings.iter().map(finding).collect() }
    }

    fn line(&self) -> String {
        let shown = |path: &PathBuf| path.display().to_string();
        let known: Vec<String> = self.known.iter().map(shown).collect();
        let known = if known.is_empty() { "-".to_owned() } else { known.join(",") };
        format!("{}\t{}\t{known}\n", self.folder.display(), self.policy.as_ref().map_or("-".to_owned(), shown))
    }
}

/// A known checkpoint as a file holds it: a note of three lines, perhaps with a slot's padding.
fn known_checkpoint(bytes: &[u8]) -> Option<Note> {
    let end = bytes.iter().rposition(|b| *b != b'\n')?;
    let unpadded = [&bytes[..=end], &bytes[end + 1..bytes.len().min(end + 2)]].concat();
    let note = Note::parse(&unpadded).ok()?;
    signer::Checkpoint::parse(&note.text).map(|_| note)
}

/// Audits all with the verifier in Python, in one process.
pub fn audit_in_python(laid: &[Laid]) -> Vec<Said> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("independent/verify.py");
    let needs = "the second verifier needs python3 (3.11 or later) with the package `cryptography`";
    let mut child = Command::new("python3")
        .arg(script)
        .arg("--many")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{needs}: {error}"));
    let lines: String = laid.iter().map(Laid::line).collect();
    let mut stdin = child.stdin.take().unwrap();
    // Written beside the reading below: a pipe holds less than either side may want to say.
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{needs}: it ended with {}", output.status);
    writer.join().unwrap().unwrap();
    let said: Vec<Said> = String::from_utf8(output.stdout).unwrap().lines().map(said_in_python).collect();
    assert_eq!(said.len(), laid.len(), "one answer for each ledger");
    said
}

fn said_in_python(line: &str) -> Said {
    let answer: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let finding = |one: &serde_json::Value| (text(&one["rule"]), one["index"].as_u64().unwrap(), text(&one["level"]));
    let findings = answer["findings"].as_array().map(|all| all.iter().map(finding).collect()).unwrap_or_default();
    Said { verdict: text(&answer["verdict"]), findings }
}

/// Lays out every trial and audits it twice: what this verifier said, and what the one in Python said.
pub fn judge_all(trials: &[&Trial]) -> Vec<(Said, Said)> {
    let place = tempfile::tempdir().unwrap();
    let laid: Vec<Laid> = trials.iter().enumerate().map(|(number, trial)| trial.lay(&place.path().join(number.to_string()))).collect();
    let second = audit_in_python(&laid);
    laid.iter().map(Laid::audit).zip(second).collect()
}
