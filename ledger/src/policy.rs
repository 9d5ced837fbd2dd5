//! Trust policies: C2SP tlog-policy, read strictly. Received from outside the ledger, they say which key and which witnesses count.

use std::collections::{BTreeMap, BTreeSet};

use signer::checkpoint::{cosignature_verifies, is_signed_by};
use signer::note::{Note, TYPE_COSIGNATURE, TYPE_ED25519, key_id};
use signer::value::{KeyBytes, base64, from_base64};
use signer::{Checkpoint, PublicKey};

/// Longest policy, in bytes.
pub const POLICY_BYTES_MAX: usize = 65_536;

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    logs: Vec<(String, PublicKey)>,
    witnesses: BTreeMap<String, (String, PublicKey)>,
    groups: BTreeMap<String, (usize, Vec<String>)>,
    quorum: Option<String>,
}

/// What is wrong with a policy: line, from 1, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy line {line}: {why}")]
pub struct PolicyError {
    /// Line, from 1; 0 for the whole.
    pub line: usize,
    /// Why.
    pub why: String,
}

/// A verifier key: `name+hex id+base64(type ‖ key)`.
pub fn verifier_key(name: &str, signature_type: u8, key: &KeyBytes) -> String {
    let id: String = key_id(name, signature_type, &key.0).iter().map(|byte| format!("{byte:02x}")).collect();
    let blob: Vec<u8> = std::iter::once(signature_type).chain(key.0).collect();
    format!("{name}+{id}+{}", base64(&blob))
}

/// Reads a verifier key of a type.
pub fn parse_verifier_key(text: &str, signature_type: u8) -> Option<(String, PublicKey)> {
    let (name, rest) = text.split_once('+')?;
    let (id, blob) = rest.split_once('+')?;
    let blob = from_base64(blob)?;
    let (first, key) = blob.split_first()?;
    let key = KeyBytes(key.try_into().ok()?);
    let is_well_named = !name.is_empty() && !name.contains(char::is_whitespace);
    let good =
        *first == signature_type && is_well_named && verifier_key(name, signature_type, &key) == format!("{name}+{id}+{}", base64(&blob));
    if good { Some((name.to_owned(), PublicKey::decode(&key).ok()?)) } else { None }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The first line that is wrong, and why.
    pub fn parse(bytes: &[u8]) -> Result<Policy, PolicyError> {
        let whole = |why: &str| PolicyError { line: 0, why: why.to_owned() };
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(whole("longer than 65,536 bytes"));
        }
        let allowed = |b: u8| matches!(b, b'\t' | b'\n' | 0x20..=0x7E | 0x80..=0xFF);
        if !bytes.iter().all(|b| allowed(*b)) {
            return Err(whole("control characters"));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| whole("not UTF-8"))?;
        let mut reader = PolicyReader::default();
        for (at, line) in text.split('\n').enumerate() {
            let line = line.trim_matches([' ', '\t']);
            if !line.is_empty() && !line.starts_with('#') {
                let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
                reader.line(&words).map_err(|why| PolicyError { line: at + 1, why })?;
            }
        }
        let quorum = reader.quorum.ok_or_else(|| whole("no quorum line"))?;
        Ok(Policy { logs: reader.logs, witnesses: reader.witnesses, groups: reader.groups, quorum })
    }

    /// The policy that trusts one checkpoint key, and `k` of these witnesses where there are any.
    pub fn write(origin: &str, key: &KeyBytes, witnesses: &[(String, KeyBytes)], k: usize) -> String {
        let mut text = format!("log {}\n", verifier_key(origin, TYPE_ED25519, key));
        for (name, key) in witnesses {
            text.push_str(&format!("witness {name} {}\n", verifier_key(name, TYPE_COSIGNATURE, key)));
        }
        if witnesses.is_empty() {
            text.push_str("quorum none\n");
        } else {
            let names: Vec<&str> = witnesses.iter().map(|(name, _)| name.as_str()).collect();
            text.push_str(&format!("group witnesses-of-the-ledger {k} {}\nquorum witnesses-of-the-ledger\n", names.join(" ")));
        }
        text
    }

    /// Keys of the logs of this name.
    pub fn log_keys(&self, origin: &str) -> impl Iterator<Item = &PublicKey> {
        self.logs.iter().filter(move |(name, _)| name == origin).map(|(_, key)| key)
    }

    /// Names of the logs.
    pub fn log_names(&self) -> impl Iterator<Item = &str> {
        self.logs.iter().map(|(name, _)| name.as_str())
    }

    /// Names and keys of the witnesses, as they sign.
    pub fn witness_keys(&self) -> impl Iterator<Item = (&str, &PublicKey)> {
        self.witnesses.values().map(|(name, key)| (name.as_str(), key))
    }

    /// Whether a checkpoint note is signed by a log key of its origin and cosigned by the quorum.
    #[must_use]
    pub fn accepts(&self, note: &Note) -> bool {
        let Some(checkpoint) = Checkpoint::parse(&note.text) else { return false };
        let origin = checkpoint.origin;
        let is_logged = note.signatures.iter().any(|line| self.log_keys(&origin).any(|key| is_signed_by(&note.text, line, &origin, key)));
        is_logged && self.is_quorum(note)
    }

    fn is_quorum(&self, note: &Note) -> bool {
        let has_cosigned = |(name, key): &(String, PublicKey)| {
            let id = key_id(name, TYPE_COSIGNATURE, &key.bytes().0);
            note.signatures
                .iter()
                .filter(|line| line.name == *name && line.key_id == id)
                .any(|line| line.cosignature().is_some_and(|(time, signature)| cosignature_verifies(&note.text, key, time, &signature)))
        };
        let signed: BTreeSet<&str> =
            self.witnesses.iter().filter(|(_, witness)| has_cosigned(witness)).map(|(name, _)| name.as_str()).collect();
        self.quorum.as_ref().is_none_or(|quorum| self.is_met(quorum, &signed))
    }

    fn is_met(&self, name: &str, signed: &BTreeSet<&str>) -> bool {
        match self.groups.get(name) {
            // Groups name earlier ones only, so this ends.
            Some((least, members)) => members.iter().filter(|member| self.is_met(member, signed)).count() >= *least,
            None => signed.contains(name),
        }
    }
}

#[derive(Default)]
struct PolicyReader {
    logs: Vec<(String, PublicKey)>,
    witnesses: BTreeMap<String, (String, PublicKey)>,
    groups: BTreeMap<String, (usize, Vec<String>)>,
    grouped: BTreeSet<String>,
    quorum: Option<Option<String>>,
}

impl PolicyReader {
    fn line(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["log", key] | ["log", key, _] => self.log(key),
            ["witness", name, key] | ["witness", name, key, _] => self.witness(name, key),
            ["group", name, least, members @ ..] => self.group(name, least, members),
            ["quorum", name] => self.quorum_line(name),
            _ => Err("expected log, witness, group or quorum with their parts".to_owned()),
        }
    }

    fn log(&mut self, key: &str) -> Result<(), String> {
        let (name, key) = parse_verifier_key(key, TYPE_ED25519).ok_or("not a proper Ed25519 verifier key")?;
        if self.logs.iter().any(|(_, known)| *known == key) {
            return Err("this log key stands twice".to_owned());
        }
        self.logs.push((name, key));
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str) -> Result<(), String> {
        self.free(name)?;
        let witness = parse_verifier_key(key, TYPE_COSIGNATURE).ok_or("not a proper cosigner's verifier key")?;
        if self.witnesses.values().any(|(_, known)| *known == witness.1) {
            return Err("this witness key stands twice".to_owned());
        }
        self.witnesses.insert(name.to_owned(), witness);
        Ok(())
    }

    fn group(&mut self, name: &str, least: &str, members: &[&str]) -> Result<(), String> {
        self.free(name)?;
        for member in members {
            if !self.witnesses.contains_key(*member) && !self.groups.contains_key(*member) {
                return Err(format!("{member} is not named before"));
            }
            if !self.grouped.insert((*member).to_owned()) {
                return Err(format!("{member} is a member twice"));
            }
        }
        let least = match least {
            "all" => Some(members.len()),
            "any" => Some(1),
            number => signer::value::number(number).and_then(|n| usize::try_from(n).ok()),
        };
        let least = least
            .filter(|least| (1..=members.len()).contains(least))
            .ok_or("expected all, any, or a number from 1 to the number of members")?;
        self.groups.insert(name.to_owned(), (least, members.iter().map(|member| (*member).to_owned()).collect()));
        Ok(())
    }

    fn quorum_line(&mut self, name: &str) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("a second quorum line".to_owned());
        }
        if name != "none" && !self.witnesses.contains_key(name) && !self.groups.contains_key(name) {
            return Err(format!("{name} is not named before"));
        }
        self.quorum = Some((name != "none").then(|| name.to_owned()));
        Ok(())
    }

    fn free(&self, name: &str) -> Result<(), String> {
        if name == "none" || self.witnesses.contains_key(name) || self.groups.contains_key(name) {
            return Err(format!("{name} is taken"));
        }
        Ok(())
    }
}
