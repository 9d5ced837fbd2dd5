//! A service whose history is compared with the one remembered before anything is asked of it or sent to it.

use std::path::{Path, PathBuf};

use signer::Note;
use signer::draft::Memory;
use signer::value::{LedgerId, PersonId};

use super::client::Client;
use super::history;
use crate::command::token::new_token;
use crate::error::Failure;
use crate::lang::Lang;
use crate::memory::{memory_path, recall};
use crate::secret::{PassphraseSource, open_key};

/// For how long the token of one command is good, in seconds.
const TOKEN_SECONDS: u64 = 300;

/// A service that shows the history that was seen before.
pub struct Session {
    /// To ask it.
    pub client: Client,
    /// Its ledger.
    pub ledger: LedgerId,
    /// What was seen of it, its present checkpoint included.
    pub memory: Memory,
    /// Where that is kept.
    pub memory_path: PathBuf,
}

/// Who asks.
pub struct Asker<'a> {
    /// The key's file.
    pub key: &'a Path,
    /// The person.
    pub person: &'a str,
    /// Whom to trust the first time.
    pub policy: Option<&'a Path>,
    /// Whether something else protects a way that is not encrypted.
    pub plain_http: bool,
    /// Where the passphrase comes from.
    pub passphrase: &'a PassphraseSource,
}

impl Session {
    /// Compares the service's history with what is remembered beside a key.
    pub fn open(client: Client, key: &Path, policy: Option<&Path>, lang: Lang) -> Result<Session, Failure> {
        let facts = history::facts(&client)?;
        let nonsense = || Failure::Remote { what: format!("{}: no ledger there", client.base()) };
        let ledger = facts["ledger"].as_str().and_then(LedgerId::parse).ok_or_else(nonsense)?;
        let memory_path = memory_path(key, ledger.as_str());
        let mut memory = recall(&memory_path, ledger.as_str(), policy, lang)?;
        let checkpoint = facts["checkpoint"].as_str().and_then(|text| Note::parse(text.as_bytes()).ok()).ok_or_else(nonsense)?;
        history::follow(&client, &mut memory, &memory_path, &checkpoint, lang)?;
        Ok(Session { client, ledger, memory, memory_path })
    }

    /// The same with a reading token of one's own.
    pub fn open_to_read(client: Client, asker: &Asker<'_>, lang: Lang) -> Result<Session, Failure> {
        if !asker.plain_http {
            client.require_private_way()?;
        }
        let session = Session::open(client, asker.key, asker.policy, lang)?;
        let person = PersonId::parse(asker.person).ok_or_else(|| Failure::malformed(format!("--person {}", asker.person)))?;
        let key = open_key(asker.key, asker.passphrase, lang)?;
        let token = new_token(session.ledger.clone(), person, TOKEN_SECONDS).sign(&key);
        Ok(Session { client: session.client.with_token(token), ..session })
    }
}
