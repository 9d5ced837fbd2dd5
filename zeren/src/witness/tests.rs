use std::fs;
use std::path::PathBuf;

use ledger::fork::Contradiction;
use ledger::history::Tree;
use signer::checkpoint::cosignature_verifies;
use signer::merkle::leaf_hash;
use zeroize::Zeroizing;

use super::*;
use crate::lang::Lang;

const ORIGIN: &str = "log.example/one";
const NAME: &str = "w.example";
const NOW: u64 = 1_800_000_000;

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([n; 32]))
}

/// A history that leaves the common one at entry `fork`.
fn tree(size: u64, fork: u64) -> Tree {
    let mut tree = Tree::default();
    (0..size).for_each(|n| tree.push(leaf_hash(format!("{n} {}", n >= fork).as_bytes())));
    tree
}

fn request(tree: &Tree, old: u64, size: u64) -> AddCheckpoint {
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root: tree.root_at(size).unwrap_or_else(empty_root) };
    let proof = if old < size { tree.consistency(old, size).unwrap() } else { Vec::new() };
    AddCheckpoint { old, proof, note: checkpoint.sign(&key(1)), checkpoint }
}

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        let home = Home { folder: tempfile::tempdir().unwrap() };
        Store::create(&home.path(), NAME, &key(2).public()).unwrap();
        home
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("witness")
    }

    fn checkpoint_file(&self) -> PathBuf {
        self.path().join("checkpoints").join(store::file_name(ORIGIN))
    }

    fn try_open(&self) -> Result<Witness, Failure> {
        // A server that another test starts at this moment holds what is open here until it is a program of its own.
        let mut tries = 0..200;
        loop {
            match self.open_once() {
                Err(failure) if failure.to_string().contains("another process") && tries.next().is_some() => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                opened => return opened,
            }
        }
    }

    fn open_once(&self) -> Result<Witness, Failure> {
        let store = Store::open(&self.path(), NAME, &key(2).public(), Lang::En)?;
        Witness::open(store, NAME, key(2), vec![(ORIGIN.to_owned(), key(1).public())])
    }

    fn open(&self) -> Witness {
        self.try_open().unwrap()
    }

    fn forks(&self) -> Vec<ForkProof> {
        let files = fs::read_dir(self.path().join("forks")).unwrap();
        files.map(|file| ForkProof::parse(&fs::read(file.unwrap().path()).unwrap()).unwrap()).collect()
    }
}

/// The time of a cosignature that verifies.
fn cosigned(answered: &Answered, request: &AddCheckpoint) -> u64 {
    let Answer::Cosigned(line) = &answered.answer else { panic!("{answered:?}") };
    let (seconds, signature) = line.cosignature().unwrap();
    assert!(cosignature_verifies(&request.note.text, &key(2).public(), seconds, &signature));
    seconds
}

#[test]
fn what_was_cosigned_is_taken_up_again_and_nothing_smaller_is() {
    let (home, ours) = (Home::new(), tree(20, 99));
    for (old, size) in [(0, 0), (0, 3), (3, 8), (8, 8), (8, 13)] {
        let request = request(&ours, old, size);
        assert_eq!(cosigned(&home.open().add_checkpoint(&request, NOW), &request), NOW, "{old} {size}");
    }
    for (old, size) in [(8, 10), (0, 13), (0, 20), (12, 13)] {
        assert!(matches!(home.open().add_checkpoint(&request(&ours, old, size), NOW).answer, Answer::OtherOld(13)), "{old} {size}");
    }
    assert!(matches!(home.open().add_checkpoint(&request(&ours, 13, 12), NOW).answer, Answer::OldAbove));
    assert!(home.forks().is_empty());
}

#[test]
fn another_root_of_the_same_size_is_refused_and_the_proof_kept() {
    let (home, ours, theirs) = (Home::new(), tree(20, 99), tree(20, 5));
    let witness = home.open();
    cosigned(&witness.add_checkpoint(&request(&ours, 0, 9), NOW), &request(&ours, 0, 9));
    // Whatever `old` it comes with.
    assert!(matches!(witness.add_checkpoint(&request(&theirs, 9, 9), NOW).answer, Answer::OtherRoot(9)));
    assert!(matches!(witness.add_checkpoint(&request(&theirs, 2, 9), NOW).answer, Answer::OtherOld(9)));
    let forks = home.forks();
    assert_eq!(forks.len(), 1, "one pair is kept once");
    assert_eq!(forks[0].verify(None).unwrap().contradiction, Contradiction::Roots);
}

#[test]
fn a_proof_from_another_prefix_is_refused_and_kept_and_garbage_is_not() {
    let (home, ours, theirs) = (Home::new(), tree(20, 99), tree(20, 5));
    let witness = home.open();
    cosigned(&witness.add_checkpoint(&request(&ours, 0, 9), NOW), &request(&ours, 0, 9));
    let mut garbage = request(&theirs, 9, 14);
    garbage.proof[0].0[0] ^= 1;
    let answered = witness.add_checkpoint(&garbage, NOW);
    assert!(matches!(answered.answer, Answer::ProofUnlike(_)) && answered.fork.is_none());
    let answered = witness.add_checkpoint(&request(&theirs, 9, 14), NOW);
    assert!(matches!(answered.answer, Answer::ProofUnlike(_)) && answered.fork.is_some_and(|kept| kept.is_ok()));
    let found = home.forks()[0].verify(None).unwrap();
    assert_eq!(found.contradiction, Contradiction::Prefix(theirs.root_at(9).unwrap()));
    // It goes on with the history that it knows.
    cosigned(&witness.add_checkpoint(&request(&ours, 9, 14), NOW), &request(&ours, 9, 14));
}

#[test]
fn strangers_leave_nothing() {
    let (home, ours, theirs) = (Home::new(), tree(20, 99), tree(20, 5));
    let witness = home.open();
    cosigned(&witness.add_checkpoint(&request(&ours, 0, 9), NOW), &request(&ours, 0, 9));
    let before = fs::read(home.checkpoint_file()).unwrap();
    let mut unsigned = request(&theirs, 9, 9);
    unsigned.note = unsigned.checkpoint.sign(&key(7));
    assert!(matches!(witness.add_checkpoint(&unsigned, NOW).answer, Answer::NotSigned));
    let mut spoiled = request(&theirs, 9, 9);
    spoiled.note.signatures[0].payload[5] ^= 1;
    assert!(matches!(witness.add_checkpoint(&spoiled, NOW).answer, Answer::NotSigned));
    let mut other = request(&ours, 9, 9);
    other.checkpoint.origin = "log.example/two".to_owned();
    assert!(matches!(witness.add_checkpoint(&other, NOW).answer, Answer::UnknownOrigin));
    assert!(home.forks().is_empty());
    assert_eq!(fs::read(home.checkpoint_file()).unwrap(), before);
}

#[test]
fn a_note_too_long_to_be_read_again_is_not_cosigned() {
    let (home, ours) = (Home::new(), tree(20, 99));
    let witness = home.open();
    let with_text_of = |length: usize| {
        let mut request = request(&ours, 0, 9);
        let text = &mut request.note.text;
        text.push_str(&"x".repeat(length - text.len() - 1));
        text.push('\n');
        request.note.signatures = vec![SignatureLine::ed25519(ORIGIN, &key(1).public(), &key(1).sign(text.as_bytes()))];
        request
    };
    // The empty line, the log's line, and the witness's: a dash of three bytes, two spaces, 104 characters, and the line break.
    let most = NOTE_BYTES_MAX - 1 - with_text_of(200).note.signatures[0].encode().len() - 1 - (3 + 1 + NAME.len() + 1 + 104 + 1);
    assert!(matches!(witness.add_checkpoint(&with_text_of(most + 1), NOW).answer, Answer::TooLong));
    let longest = with_text_of(most);
    cosigned(&witness.add_checkpoint(&longest, NOW), &longest);
    assert_eq!(fs::read(home.checkpoint_file()).unwrap().len(), NOTE_BYTES_MAX);
    assert_eq!(home_after(witness, &home).checkpoint(&store::file_name(ORIGIN)).unwrap().text, longest.note.text);
}

#[test]
fn times_never_go_back() {
    let (home, ours) = (Home::new(), tree(20, 99));
    let witness = home.open();
    let first = request(&ours, 0, 9);
    assert_eq!(cosigned(&witness.add_checkpoint(&first, NOW), &first), NOW);
    let next = request(&ours, 9, 10);
    assert_eq!(cosigned(&witness.add_checkpoint(&next, NOW - CLOCK_BACK_SECONDS_MAX), &next), NOW);
    let late = request(&ours, 10, 11);
    let answered = home_after(witness, &home).add_checkpoint(&late, NOW - CLOCK_BACK_SECONDS_MAX - 1);
    assert!(matches!(answered.answer, Answer::ClockBack(301)));
}

/// The same witness, started again.
fn home_after(witness: Witness, home: &Home) -> Witness {
    drop(witness);
    home.open()
}

#[test]
fn a_damaged_or_missing_file_stops_the_start() {
    let (home, ours) = (Home::new(), tree(20, 99));
    let first = request(&ours, 0, 9);
    cosigned(&home.open().add_checkpoint(&first, NOW), &first);
    let file = home.checkpoint_file();
    let good = fs::read(&file).unwrap();
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        fs::write(&file, &flipped).unwrap();
        match home.try_open() {
            Err(failure) => assert!(matches!(failure, Failure::NotKept { .. }), "byte {at}: {failure}"),
            // Only the log's line with another name or key id: nobody's, and passed over.
            Ok(witness) => assert_eq!(witness.checkpoint(&store::file_name(ORIGIN)).unwrap().text, first.note.text, "byte {at}"),
        }
    }
    for cut in [0, 1, good.len() / 2, good.len() - 1] {
        fs::write(&file, &good[..cut]).unwrap();
        assert!(matches!(home.try_open(), Err(Failure::NotKept { .. })), "{cut}");
    }
    fs::remove_file(&file).unwrap();
    assert!(matches!(home.try_open(), Err(Failure::NotKept { .. })), "it does not begin again at 0");
    fs::write(&file, &good).unwrap();
    // What a crash left beside it is passed over.
    fs::write(file.with_extension("partial"), b"half a no").unwrap();
    cosigned(&home.open().add_checkpoint(&request(&ours, 9, 10), NOW), &request(&ours, 9, 10));
}

#[test]
fn what_could_not_be_kept_is_not_answered_and_nothing_more_is_until_a_restart() {
    let (home, ours) = (Home::new(), tree(20, 99));
    let witness = home.open();
    let first = request(&ours, 0, 9);
    cosigned(&witness.add_checkpoint(&first, NOW), &first);
    let (folder, away) = (home.path().join("checkpoints"), home.path().join("away"));
    fs::rename(&folder, &away).unwrap();
    assert!(matches!(witness.add_checkpoint(&request(&ours, 9, 10), NOW).answer, Answer::NotKept));
    fs::rename(&away, &folder).unwrap();
    assert!(matches!(witness.add_checkpoint(&request(&ours, 9, 10), NOW).answer, Answer::NotKept));
    let again = home_after(witness, &home);
    cosigned(&again.add_checkpoint(&request(&ours, 9, 10), NOW), &request(&ours, 9, 10));
}

#[test]
fn a_folder_is_made_once_and_belongs_to_one_witness_and_one_process() {
    let home = Home::new();
    assert!(Store::create(&home.path(), NAME, &key(2).public()).is_err());
    assert!(Store::open(&home.path(), "other.example", &key(2).public(), Lang::En).is_err());
    assert!(Store::open(&home.path(), NAME, &key(3).public(), Lang::En).is_err());
    assert!(Store::open(home.folder.path(), NAME, &key(2).public(), Lang::En).is_err());
    let _open = home.open();
    assert!(home.try_open().is_err());
}

/// Many at once, each with a history of its own: one is cosigned, and what is cosigned never goes back.
#[test]
fn of_many_at_once_no_two_conflict() {
    let (home, threads) = (Home::new(), 12_u64);
    let witness = home.open();
    let answers: Vec<(u64, TreeRoot)> = std::thread::scope(|scope| {
        let work = |n: u64| {
            let witness = &witness;
            move || {
                // Histories 0, 1, 2 differ from their first entry, 3, 4 and 5 from their 20th, and so on.
                let own = tree(64, if n.is_multiple_of(3) { 99 } else { n * 5 });
                let (mut got, mut known) = (Vec::new(), 0);
                for size in 1..=64 {
                    for _ in 0..4 {
                        let request = request(&own, known.min(size), size);
                        match witness.add_checkpoint(&request, NOW).answer {
                            Answer::Cosigned(_) => {
                                got.push((size, request.checkpoint.root));
                                known = size;
                                break;
                            }
                            Answer::OtherOld(size) => known = size,
                            Answer::OtherRoot(_) | Answer::ProofUnlike(_) | Answer::OldAbove => break,
                            other => panic!("{other:?}"),
                        }
                    }
                }
                got
            }
        };
        let running: Vec<_> = (0..threads).map(|n| scope.spawn(work(n))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut roots: BTreeMap<u64, TreeRoot> = BTreeMap::new();
    for (size, root) in &answers {
        assert_eq!(roots.entry(*size).or_insert(*root), root, "two roots of size {size} were cosigned");
    }
    let kept = Checkpoint::of_any_log(&witness.checkpoint(&store::file_name(ORIGIN)).unwrap().text).unwrap();
    let largest = roots.last_key_value().unwrap();
    assert_eq!((&kept.size, &kept.root), largest);
    assert!(roots.len() > 1);
}
