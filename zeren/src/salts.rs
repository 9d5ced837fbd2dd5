//! Commitments to papers, and the salts without which nobody can show later what was committed to.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use signer::value::{Commitment, base64, from_base64_array};

use crate::error::Failure;
use crate::secret::random;

/// First line of what a commitment is the hash of.
const COMMITMENT_KIND: &str = "zeren commitment v1";
/// First line of a file of salts.
const SALTS_KIND: &str = "zeren salts v1";

/// Salts that were used.
#[derive(Default)]
pub struct Salts(Vec<Salted>);

/// One of them.
pub struct Salted {
    /// What the record holds.
    pub commitment: Commitment,
    /// The salt.
    pub salt: [u8; 32],
    /// SHA-256 of the paper.
    pub paper: [u8; 32],
    /// Of whom and of what the paper is.
    pub what: String,
}

impl Salts {
    /// Commits to a paper by its digest, with a fresh salt; `what` says of whom and of what it is.
    pub fn commit(&mut self, paper: [u8; 32], what: &str) -> Result<Commitment, Failure> {
        let salt = random::<32>()?;
        let commitment = commitment(&salt, &paper);
        self.0.push(Salted { commitment, salt, paper, what: what.to_owned() });
        Ok(commitment)
    }

    /// Reads a file of them.
    pub fn parse(text: &str) -> Option<Salts> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        lines.next().filter(|line| *line == SALTS_KIND)?;
        let salted = |line: &str| {
            let mut parts = line.splitn(4, ' ');
            let commitment = Commitment::parse(parts.next()?)?;
            let (salt, paper) = (from_base64_array(parts.next()?)?, from_base64_array(parts.next()?)?);
            Some(Salted { commitment, salt, paper, what: parts.next()?.to_owned() })
        };
        lines.map(salted).collect::<Option<Vec<_>>>().map(Salts)
    }

    /// Each.
    pub fn all(&self) -> &[Salted] {
        &self.0
    }

    /// How many papers.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The file's text.
    pub fn encode(&self) -> String {
        let mut text = format!("{SALTS_KIND}\n");
        for Salted { commitment, salt, paper, what } in &self.0 {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{commitment} {} {} {what}", base64(salt), base64(paper));
        }
        text
    }
}

/// What is committed to with a salt: SHA-256 of a paper (docs/format.md section 24).
pub fn commitment(salt: &[u8; 32], paper: &[u8; 32]) -> Commitment {
    Commitment(Sha256::digest(format!("{COMMITMENT_KIND}\nsalt {}\npaper {}\n", base64(salt), base64(paper))).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the manual had people compute by hand was another construction than this.
    #[test]
    fn a_commitment_is_the_one_of_the_format() {
        let salt: [u8; 32] = core::array::from_fn(|at| at as u8);
        let paper: [u8; 32] = Sha256::digest("letter\n").into();
        assert_eq!(commitment(&salt, &paper).to_string(), "WuWH/Ydze6C92Wv5dv7OZuZgakXXySURtOFcjMsha44=");
    }

    #[test]
    fn a_salt_and_a_paper_give_the_commitment_again_and_no_two_are_alike() {
        let mut salts = Salts::default();
        let (first, second) = (salts.commit([7; 32], "form of a").unwrap(), salts.commit([7; 32], "form of b").unwrap());
        assert_ne!(first, second);
        let text = salts.encode();
        let line: Vec<&str> = text.lines().nth(1).unwrap().split(' ').collect();
        let bytes = |at: usize| from_base64_array::<32>(line[at]).unwrap();
        assert_eq!(line[0], commitment(&bytes(1), &bytes(2)).to_string());
        assert_eq!((line[0], &line[3..]), (first.to_string().as_str(), ["form", "of", "a"].as_slice()));
        let read = Salts::parse(&text).unwrap();
        assert_eq!((read.encode(), read.all().len()), (text.clone(), 2));
        for wrong in [text.trim_end().to_owned(), text.replace("salts v1", "salts v2"), text.replace(" form of a", ""), text + "\n"] {
            assert!(Salts::parse(&wrong).is_none(), "{wrong}");
        }
    }
}
