//! Reading tokens: a person asks to be shown what the person's offices may see (format.md section 21). No part of the record.

use crate::note::{Note, SignatureLine};
use crate::strict::{PublicKey, SecretKey};
use crate::value::{LedgerId, PersonId, base64, from_base64, number};

/// First line of every token. No statement begins so: neither is ever taken for the other.
pub const TOKEN_KIND: &str = "zeren token v1";
/// Longest time for which a token is good, in seconds.
pub const TOKEN_SECONDS_MAX: u64 = 3_600;
/// Longest token as it is sent, in bytes.
pub const TOKEN_BYTES_MAX: usize = 1_024;
/// How far the clocks of two machines may differ, in seconds.
pub const CLOCKS_APART_SECONDS_MAX: u64 = 60;

/// Who asks, of which ledger, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The ledger.
    pub ledger: LedgerId,
    /// The person.
    pub person: PersonId,
    /// From when it is good, in Unix seconds.
    pub from: u64,
    /// Until when, in Unix seconds.
    pub until: u64,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token, or longer than one.
    #[error("not a reading token")]
    Format,
    /// For another ledger.
    #[error("a token for another ledger")]
    OtherLedger,
    /// Good for longer than a token may be, or for no time.
    #[error("good for more than an hour, or for no time at all")]
    Duration,
    /// Its time has not come, or is over.
    #[error("its time is over, or has not come")]
    Time,
    /// Not signed by a key of the person.
    #[error("not signed with this person's key")]
    Signature,
}

impl TokenError {
    /// The name of the rule, as format.md has it.
    pub const fn rule(self) -> &'static str {
        match self {
            TokenError::Format => "token-format",
            TokenError::OtherLedger => "token-ledger",
            TokenError::Duration => "token-duration",
            TokenError::Time => "token-time",
            TokenError::Signature => "token-signature",
        }
    }
}

impl Token {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Token { ledger, person, from, until } = self;
        format!("{TOKEN_KIND}\nledger {ledger}\nperson {person}\nfrom {from}\nuntil {until}\n")
    }

    /// Signed with the person's key, as it is sent: base64 of the note.
    pub fn sign(&self, key: &SecretKey) -> String {
        base64(Note::signed(self.text(), self.person.as_str(), key).encode().as_bytes())
    }

    /// Verifies what was sent. `key` gives the person's keys that sign now, `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(
        sent: &str,
        ledger: &LedgerId,
        now: u64,
        key: impl FnOnce(&PersonId, &SignatureLine) -> Option<PublicKey>,
    ) -> Result<Token, TokenError> {
        let (token, note) = Token::read(sent).ok_or(TokenError::Format)?;
        if token.ledger != *ledger {
            return Err(TokenError::OtherLedger);
        }
        if token.until <= token.from || token.until - token.from > TOKEN_SECONDS_MAX {
            return Err(TokenError::Duration);
        }
        if now >= token.until || now.saturating_add(CLOCKS_APART_SECONDS_MAX) < token.from {
            return Err(TokenError::Time);
        }
        let [line] = note.signatures.as_slice() else { return Err(TokenError::Signature) };
        let key = key(&token.person, line).filter(|_| line.name == token.person.as_str());
        let is_signed = key.is_some_and(|key| crate::checkpoint::is_signed_by(&note.text, line, token.person.as_str(), &key));
        if is_signed { Ok(token) } else { Err(TokenError::Signature) }
    }

    fn read(sent: &str) -> Option<(Token, Note)> {
        let bytes = from_base64(sent).filter(|_| sent.len() <= TOKEN_BYTES_MAX)?;
        let note = Note::parse(&bytes).ok()?;
        let mut lines = note.text.strip_suffix('\n')?.split('\n');
        lines.next().filter(|line| *line == TOKEN_KIND)?;
        let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
        let ledger = LedgerId::parse(value("ledger")?)?;
        let person = PersonId::parse(value("person")?)?;
        let (from, until) = (number(value("from")?)?, number(value("until")?)?);
        lines.next().is_none().then_some((Token { ledger, person, from, until }, note))
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    fn token() -> Token {
        let ledger = LedgerId::parse("demo.tests.example/archive/9936db9822455a74").unwrap();
        Token { ledger, person: PersonId::parse("p1").unwrap(), from: 1_000, until: 1_900 }
    }

    fn verify(sent: &str, now: u64) -> Result<Token, TokenError> {
        Token::verify(sent, &token().ledger, now, |person, _| (person.as_str() == "p1").then(|| key(1).public()))
    }

    #[test]
    fn a_token_is_good_for_its_time_and_its_person() {
        let sent = token().sign(&key(1));
        assert_eq!(verify(&sent, 1_000), Ok(token()));
        assert_eq!(verify(&sent, 1_899), Ok(token()));
        assert_eq!(verify(&sent, 1_900), Err(TokenError::Time));
        assert_eq!(verify(&sent, 940), Ok(token()));
        assert_eq!(verify(&sent, 939), Err(TokenError::Time));
        assert_eq!(verify(&token().sign(&key(2)), 1_000), Err(TokenError::Signature));
        let other = Token { person: PersonId::parse("p2").unwrap(), ..token() };
        assert_eq!(verify(&other.sign(&key(1)), 1_000), Err(TokenError::Signature));
        let long = Token { until: 1_000 + TOKEN_SECONDS_MAX + 1, ..token() };
        assert_eq!(verify(&long.sign(&key(1)), 1_000), Err(TokenError::Duration));
        let none = Token { until: 1_000, ..token() };
        assert_eq!(verify(&none.sign(&key(1)), 1_000), Err(TokenError::Duration));
        let elsewhere = Token { ledger: LedgerId::parse("demo.tests.example/archive/0000000000000000").unwrap(), ..token() };
        assert_eq!(verify(&elsewhere.sign(&key(1)), 1_000), Err(TokenError::OtherLedger));
    }

    #[test]
    fn other_notes_are_no_tokens() {
        let text = token().text();
        let changed = [text.replace("token v1", "token v2"), text.replace("from 1000", "from 01000"), format!("{text}more x\n")];
        for text in changed {
            let line = SignatureLine::ed25519("p1", &key(1).public(), &key(1).sign(text.as_bytes()));
            let sent = base64(Note { text, signatures: vec![line] }.encode().as_bytes());
            assert_eq!(verify(&sent, 1_000), Err(TokenError::Format));
        }
        assert_eq!(verify("", 1_000), Err(TokenError::Format));
        assert_eq!(verify(&"A".repeat(TOKEN_BYTES_MAX + 4), 1_000), Err(TokenError::Format));
        let twice = token().sign(&key(1));
        let note = Note::parse(&from_base64(&twice).unwrap()).unwrap();
        let doubled = Note { signatures: [note.signatures.clone(), note.signatures].concat(), text: note.text };
        assert_ne!(verify(&base64(doubled.encode().as_bytes()), 1_000), Ok(token()));
    }
}
