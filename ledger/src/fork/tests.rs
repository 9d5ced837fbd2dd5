use signer::checkpoint::{Checkpoint, cosign};
use signer::merkle::{leaf_hash, prefix_root};
use signer::note::SignatureLine;
use signer::statement::{By, Header, Seen};
use signer::value::{ChainHead, DeviceId, LedgerId, Office, PersonId, StatementHash, Time, Unit};
use signer::{Act, SecretKey};
use zeroize::Zeroizing;

use super::*;
use crate::history::Tree;

const LEDGER: &str = "demo.tests.example/archive/9936db9822455a74";

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([n; 32]))
}

/// A history that leaves the common one at entry `fork`.
fn tree(size: u64, fork: u64) -> Tree {
    let mut tree = Tree::default();
    (0..size).for_each(|n| tree.push(leaf_hash(format!("entry {n} {}", if n < fork { "" } else { "other" }).as_bytes())));
    tree
}

fn checkpoint(tree: &Tree, size: u64) -> Document {
    let checkpoint = Checkpoint { origin: LEDGER.to_owned(), size, root: tree.root_at(size).unwrap() };
    let mut note = checkpoint.sign(&key(1));
    note.signatures.push(cosign(&note.text, "w.example", &key(2), 1_700_000_000));
    Document::of(note).unwrap()
}

fn pin(tree: &Tree, size: u64, chain: u8) -> Document {
    let person = PersonId::parse("p001").unwrap();
    let header = Header {
        procedure: None,
        by: vec![By {
            person: person.clone(),
            office: Office::parse("clerk").unwrap(),
            unit: Unit::whole(),
            appointment: StatementHash([7; 32]),
        }],
        device: DeviceId::parse("d1").unwrap(),
        counter: 1,
        at: Time::parse("2026-01-05T08:00:00+08:00").unwrap(),
        seen: Seen { size, root: tree.root_at(size).unwrap(), chain: ChainHead([chain; 32]) },
    };
    let act = Act::Device { enrols: DeviceId::parse("d2").unwrap(), unit: Unit::whole() };
    let text = Statement::Act { ledger: LedgerId::parse(LEDGER).unwrap(), header, act }.encode();
    let line = SignatureLine::ed25519(person.as_str(), &key(3).public(), &key(3).sign(text.as_bytes()));
    Document::of(Note { text, signatures: vec![line] }).unwrap()
}

fn keys() -> Vec<Key> {
    vec![Key::signs(LEDGER, key(1).public()), Key::cosigns("w.example", key(2).public()), Key::signs("p001", key(3).public())]
}

fn make(documents: [Document; 2], prefix: Option<Prefix>) -> Result<ForkProof, ForkError> {
    ForkProof::make(documents, prefix, &keys(), &[])
}

#[test]
fn two_roots_of_one_size_are_a_fork_whoever_signed() {
    let (ours, theirs) = (tree(9, 99), tree(9, 4));
    for documents in
        [[checkpoint(&ours, 7), checkpoint(&theirs, 7)], [checkpoint(&ours, 7), pin(&theirs, 7, 1)], [pin(&ours, 7, 1), pin(&theirs, 7, 1)]]
    {
        let proof = make(documents, None).unwrap();
        let read = ForkProof::parse(proof.encode().as_bytes()).unwrap();
        assert_eq!(read, proof);
        let fork = read.verify(None).unwrap();
        assert_eq!(fork.contradiction, Contradiction::Roots);
        assert!(!fork.is_proven(), "nobody vouched for a key");
    }
    assert_eq!(make([checkpoint(&ours, 4), checkpoint(&theirs, 4)], None), Err(ForkError::NoConflict));
}

#[test]
fn a_policy_vouches_for_keys() {
    let (ours, theirs) = (tree(9, 99), tree(9, 4));
    let proof = make([checkpoint(&ours, 7), checkpoint(&theirs, 7)], None).unwrap();
    let witness = ("w.example".to_owned(), key(2).public().bytes());
    let policy = Policy::write(LEDGER, &key(1).public().bytes(), std::slice::from_ref(&witness), 1);
    let fork = proof.verify(Some(&Policy::parse(policy.as_bytes()).unwrap())).unwrap();
    assert!(fork.is_proven());
    assert_eq!(fork.signers[0].len(), 2);
    assert_eq!(fork.signers[1][1].seconds, Some(1_700_000_000));
    let other = Policy::write(LEDGER, &key(4).public().bytes(), &[], 1);
    assert!(!proof.verify(Some(&Policy::parse(other.as_bytes()).unwrap())).unwrap().is_proven());
}

#[test]
fn two_chain_heads_of_one_root_are_a_fork() {
    let tree = tree(9, 99);
    let proof = make([pin(&tree, 7, 1), pin(&tree, 7, 2)], None).unwrap();
    assert_eq!(proof.verify(None).unwrap().contradiction, Contradiction::ChainHeads);
    assert_eq!(make([pin(&tree, 7, 1), pin(&tree, 7, 1)], None), Err(ForkError::NoConflict));
    assert_eq!(make([pin(&tree, 7, 1), checkpoint(&tree, 7)], None), Err(ForkError::NoConflict));
}

#[test]
fn a_proof_for_another_prefix_is_a_fork_and_one_for_the_same_is_none() {
    for larger in 2..20_u64 {
        for smaller in 1..larger {
            let theirs = tree(larger, smaller - 1);
            let prefix = |tree: &Tree| Prefix { root: tree.root_at(smaller).unwrap(), proof: tree.consistency(smaller, larger).unwrap() };
            let ours = tree(larger, 99);
            // In whichever order they are given.
            let proof = make([checkpoint(&theirs, larger), checkpoint(&ours, smaller)], Some(prefix(&theirs))).unwrap();
            let expected = Contradiction::Prefix(theirs.root_at(smaller).unwrap());
            assert_eq!(ForkProof::parse(proof.encode().as_bytes()).unwrap().verify(None).unwrap().contradiction, expected);
            let honest = [checkpoint(&ours, smaller), checkpoint(&ours, larger)];
            assert_eq!(make(honest.clone(), Some(prefix(&ours))), Err(ForkError::NoConflict));
            assert_eq!(make(honest.clone(), Some(prefix(&theirs))), Err(ForkError::ProofUnlike));
            assert_eq!(make(honest, None), Err(ForkError::NoConflict));
            let shown = prefix_root(smaller, larger, &theirs.root_at(larger).unwrap(), &prefix(&theirs).proof);
            assert_eq!(shown, (!smaller.is_power_of_two()).then(|| theirs.root_at(smaller).unwrap()));
        }
    }
}

#[test]
fn whoever_signed_nothing_proves_nothing() {
    let (ours, theirs) = (tree(9, 99), tree(9, 4));
    let documents = [checkpoint(&ours, 7), pin(&theirs, 7, 1)];
    let without = ForkProof::make(documents.clone(), None, &keys()[..2], &[]);
    assert_eq!(without, Err(ForkError::Unsigned { number: 2 }));
    // Under a statement neither the ledger nor a witness counts, under a checkpoint no person.
    let mut stranger = documents[1].clone();
    stranger.note.signatures = vec![SignatureLine::ed25519(LEDGER, &key(1).public(), &key(1).sign(stranger.note.text.as_bytes()))];
    assert_eq!(make([documents[0].clone(), stranger], None), Err(ForkError::Unsigned { number: 2 }));
    let mut person = checkpoint(&theirs, 7);
    person.note.signatures = vec![SignatureLine::ed25519("p001", &key(3).public(), &key(3).sign(person.note.text.as_bytes()))];
    assert_eq!(make([documents[0].clone(), person], None), Err(ForkError::Unsigned { number: 2 }));
    // A signature that does not verify under the key it names spoils the proof, though another one verifies.
    let mut spoiled = checkpoint(&theirs, 7);
    spoiled.note.signatures[1].payload[20] ^= 1;
    assert!(matches!(make([documents[0].clone(), spoiled], None), Err(ForkError::Signature { number: 2, .. })));
}

#[test]
fn any_flipped_byte_leaves_no_proof_or_the_same_fork() {
    let (ours, theirs) = (tree(9, 99), tree(9, 4));
    let prefix = Prefix { root: theirs.root_at(6).unwrap(), proof: theirs.consistency(6, 9).unwrap() };
    let proof = make([checkpoint(&ours, 6), checkpoint(&theirs, 9)], Some(prefix)).unwrap();
    let bytes = proof.encode().into_bytes();
    let mut unharmed = 0;
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        if let Ok(read) = ForkProof::parse(&flipped)
            && let Ok(fork) = read.verify(None)
        {
            // Only a line that is nobody's any more: its name, or the key that it was known by.
            assert!(fork.signers.iter().map(Vec::len).sum::<usize>() < 4, "byte {at}");
            assert_eq!(fork.contradiction, proof.verify(None).unwrap().contradiction);
            unharmed += 1;
        }
    }
    assert!(unharmed > 0);
}
