//! C2SP signed notes, read strictly (format.md section 2).

use sha2::{Digest as _, Sha256};

use crate::rule::{Refusal, Rule};
use crate::strict::{PublicKey, SecretKey, Signature};
use crate::value::{NoteHash, base64, from_base64};

/// Longest note, in bytes.
pub const NOTE_BYTES_MAX: usize = 65_000;
/// Most signature lines of a note.
pub const SIGNATURES_MAX: usize = 64;
/// Signature type: Ed25519 over the text.
pub const TYPE_ED25519: u8 = 0x01;
/// Signature type: timestamped Ed25519 cosignature of a checkpoint.
pub const TYPE_COSIGNATURE: u8 = 0x04;

const DASH: &str = "— ";

/// The four bytes by which a signature line names its key.
pub type KeyId = [u8; 4];

/// SHA-256(name ‖ 0x0A ‖ type ‖ key), cut to four bytes.
pub fn key_id(name: &str, signature_type: u8, key: &[u8]) -> KeyId {
    let digest = Sha256::new().chain_update(name).chain_update([0x0A, signature_type]).chain_update(key).finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureLine {
    /// Name of the key.
    pub name: String,
    /// Id of the key.
    pub key_id: KeyId,
    /// What follows the id: 64 bytes, or 8 bytes of time and 64.
    pub payload: Vec<u8>,
}

impl SignatureLine {
    /// A line of type 0x01.
    pub fn ed25519(name: &str, key: &PublicKey, signature: &Signature) -> SignatureLine {
        let key_id = key_id(name, TYPE_ED25519, &key.bytes().0);
        SignatureLine { name: name.to_owned(), key_id, payload: signature.0.to_vec() }
    }

    /// The payload as an Ed25519 signature, if it has that length.
    pub fn signature(&self) -> Option<Signature> {
        Some(Signature(self.payload.as_slice().try_into().ok()?))
    }

    /// The payload as a cosignature: seconds of Unix time and signature.
    pub fn cosignature(&self) -> Option<(u64, Signature)> {
        let (time, signature) = self.payload.split_first_chunk::<8>()?;
        Some((u64::from_be_bytes(*time), Signature(signature.try_into().ok()?)))
    }

    /// The line without its `\n`.
    pub fn encode(&self) -> String {
        let blob: Vec<u8> = self.key_id.iter().chain(&self.payload).copied().collect();
        format!("{DASH}{} {}", self.name, base64(&blob))
    }

    /// From a line without its `\n`.
    pub fn parse(line: &str) -> Option<SignatureLine> {
        let (name, blob) = line.strip_prefix(DASH)?.split_once(' ')?;
        let named = !name.is_empty() && !name.contains('+') && !name.contains(char::is_whitespace);
        let blob = from_base64(blob)?;
        let (key_id, payload) = blob.split_first_chunk::<4>()?;
        (named && !payload.is_empty()).then(|| SignatureLine { name: name.to_owned(), key_id: *key_id, payload: payload.to_vec() })
    }
}

/// A note as received: text and signature lines, nothing verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text, its last `\n` included.
    pub text: String,
    /// The signature lines.
    pub signatures: Vec<SignatureLine>,
}

impl Note {
    /// A text with one signature line: of this name, by this key.
    pub fn signed(text: String, name: &str, key: &SecretKey) -> Note {
        let line = SignatureLine::ed25519(name, &key.public(), &key.sign(text.as_bytes()));
        Note { text, signatures: vec![line] }
    }

    /// Reads a note, or says which rule of section 2 it breaks.
    pub fn parse(bytes: &[u8]) -> Result<Note, Refusal> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(Refusal::new(Rule::NoteTooLong, format!("at most {NOTE_BYTES_MAX} bytes"), bytes.len().to_string()));
        }
        let whole = core::str::from_utf8(bytes)
            .map_err(|e| Refusal::new(Rule::NoteUtf8, "UTF-8", format!("other bytes at byte {}", e.valid_up_to())))?;
        refuse_control_characters(whole)?;
        let shape = |found: &str| Refusal::new(Rule::NoteShape, "text, an empty line, 1 to 64 signature lines", found);
        if !whole.ends_with('\n') {
            return Err(shape("no line break at the end"));
        }
        let Some(blank) = whole.rfind("\n\n") else {
            return Err(shape("no empty line before signatures"));
        };
        let (text, signatures) = (&whole[..=blank], &whole[blank + 2..]);
        if blank == 0 {
            return Err(shape("no text"));
        }
        let lines: Vec<&str> = signatures.split_terminator('\n').collect();
        if lines.is_empty() || lines.len() > SIGNATURES_MAX {
            return Err(shape(&format!("{} signature lines", lines.len())));
        }
        let signatures: Option<Vec<SignatureLine>> = lines.iter().map(|line| SignatureLine::parse(line)).collect();
        let signatures = signatures.ok_or_else(|| shape("a line after the empty line that is no signature"))?;
        refuse_blank_lines(text)?;
        Ok(Note { text: text.to_owned(), signatures })
    }

    /// The note's bytes.
    pub fn encode(&self) -> String {
        let lines: String = self.signatures.iter().map(|line| line.encode() + "\n").collect();
        format!("{}\n{lines}", self.text)
    }
}

/// SHA-256 of a whole note as submitted.
pub fn note_hash(bytes: &[u8]) -> NoteHash {
    NoteHash(Sha256::digest(bytes).into())
}

fn refuse_control_characters(whole: &str) -> Result<(), Refusal> {
    let control = |c: char| c != '\n' && (c < '\u{20}' || ('\u{7F}'..='\u{9F}').contains(&c));
    match whole.chars().position(control) {
        None => Ok(()),
        Some(at) => {
            let line = whole.chars().take(at).filter(|c| *c == '\n').count() + 1;
            let code = whole.chars().nth(at).map(u32::from).unwrap_or_default();
            Err(Refusal::new(Rule::Character, "no control character", format!("U+{code:04X}")).at_line(line))
        }
    }
}

fn refuse_blank_lines(text: &str) -> Result<(), Refusal> {
    match text.split_terminator('\n').position(str::is_empty) {
        None => Ok(()),
        Some(at) => Err(Refusal::new(Rule::BlankLine, "no empty line inside the text", "an empty line").at_line(at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "first\nsecond\n\n— p1 AAAAAAAA\n";

    fn rule(bytes: &[u8]) -> Rule {
        Note::parse(bytes).unwrap_err().rule
    }

    #[test]
    fn a_note_encodes_to_the_bytes_it_was_read_from() {
        let note = Note::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(note.text, "first\nsecond\n");
        assert_eq!(note.encode(), GOOD);
    }

    #[test]
    fn the_vector_of_the_specification_verifies() {
        let note = Note::parse("This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n".as_bytes()).unwrap();
        let blob = from_base64("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap();
        let key = crate::value::KeyBytes(blob[1..].try_into().unwrap());
        let line = &note.signatures[0];
        assert_eq!(line.key_id, [0x53, 0x0d, 0x90, 0x3a]);
        assert_eq!(key_id("example.com/foo", blob[0], &key.0), line.key_id);
        let key = PublicKey::decode(&key).unwrap();
        assert!(key.verifies(note.text.as_bytes(), &line.signature().unwrap()));
    }

    #[test]
    fn each_rule_of_section_2_has_its_name() {
        assert_eq!(rule(&vec![b'a'; NOTE_BYTES_MAX + 1]), Rule::NoteTooLong);
        assert_eq!(rule(b"a\xFF\n\n"), Rule::NoteUtf8);
        assert_eq!(rule(b"a\r\n\n"), Rule::Character);
        assert_eq!(rule("a\u{85}\n\n— p AAAAAAAA\n".as_bytes()), Rule::Character);
        for text in [
            "",
            "a",
            "a\n",
            "a\n\n",
            "\n\n— p AAAAAAAA\n",
            "a\n\n— p AAAAAAAA",
            "a\n\n- p AAAAAAAA\n",
            "a\n\n— p+q AAAAAAAA\n",
            "a\n\n— p AAAAAA==\n",
            "a\n\n— p AAAAAAAB=\n",
            "a\n\n—  p AAAAAAAA\n",
            "a\n\n— p\u{3000}q AAAAAAAA\n",
        ] {
            assert_eq!(rule(text.as_bytes()), Rule::NoteShape, "{text:?}");
        }
        assert_eq!(rule("a\n\nb\n\n— p AAAAAAAA\n".as_bytes()), Rule::BlankLine);
        assert_eq!(rule("\na\n\n— p AAAAAAAA\n".as_bytes()), Rule::BlankLine);
    }
}
