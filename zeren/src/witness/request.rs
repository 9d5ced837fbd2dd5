//! The body of `add-checkpoint`.

use signer::Checkpoint;
use signer::note::{NOTE_BYTES_MAX, Note};
use signer::value::{TreeHash, number};

/// Most lines of a consistency proof.
pub const PROOF_LINES_MAX: usize = 63;
/// Longest body, in bytes: the longest note with the longest proof (45 bytes a line), the line `old` and the empty one.
pub const BODY_BYTES_MAX: usize = NOTE_BYTES_MAX + PROOF_LINES_MAX * 45 + 64;

/// A request to cosign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that the proof starts at.
    pub old: u64,
    /// The consistency proof.
    pub proof: Vec<TreeHash>,
    /// The checkpoint's note.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
}

impl AddCheckpoint {
    /// Reads a body.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(body: &[u8]) -> Result<AddCheckpoint, String> {
        let text = core::str::from_utf8(body).map_err(|_| "UTF-8".to_owned())?;
        let (head, note) = text.split_once("\n\n").ok_or("an empty line between proof and checkpoint")?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(number);
        let old = old.ok_or("the first line `old <size>`")?;
        let proof: Option<Vec<TreeHash>> = lines.map(TreeHash::parse).collect();
        let proof = proof.filter(|proof| proof.len() <= PROOF_LINES_MAX).ok_or("at most 63 lines of base64 hashes")?;
        let note = Note::parse(note.as_bytes()).map_err(|refusal| format!("a signed note: {}", refusal.expected))?;
        let checkpoint = Checkpoint::of_any_log(&note.text).ok_or("a checkpoint: origin, size, root")?;
        Ok(AddCheckpoint { old, proof, note, checkpoint })
    }

    /// The body.
    pub fn encode(old: u64, proof: &[TreeHash], note: &Note) -> String {
        let proof: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
        format!("old {old}\n{proof}\n{}", note.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    const LINE: &str = "— example.com/log AAAAAAAA";

    #[test]
    fn a_body_is_read_as_it_was_written_and_others_are_refused() {
        let good = format!("old 3\n{HASH}\n\nexample.com/log\n4\n{HASH}\n\n{LINE}\n");
        let read = AddCheckpoint::parse(good.as_bytes()).unwrap();
        assert_eq!(AddCheckpoint::encode(read.old, &read.proof, &read.note), good);
        let extended = format!("old 0\n\nexample.com/log\n4\n{HASH}\nmore\n\n{LINE}\n");
        assert_eq!(AddCheckpoint::parse(extended.as_bytes()).unwrap().checkpoint.size, 4);
        let many = format!("{HASH}\n").repeat(PROOF_LINES_MAX + 1);
        for bad in [
            String::new(),
            good.replace("old 3", "old 03"),
            good.replace("old 3", "old -3"),
            good.replace("old 3", "old  3"),
            good.replace("old 3", "3"),
            good.replace("\n\nexample", "\nexample"),
            good.replacen("47DE", "47D", 1),
            good.replace('\n', "\r\n"),
            good.replace("\n4\n", "\n04\n"),
            good.replace("\n4\n", "\n9007199254740992\n"),
            good.replace(LINE, ""),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            format!("old 3\n{many}\nexample.com/log\n4\n{HASH}\n\n{LINE}\n"),
            extended.replace("more", ""),
        ] {
            assert!(AddCheckpoint::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
