//! What can fail, and how.

use std::io;

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Content was written.
    Write,
    /// Content was made durable.
    Sync,
    /// Names were made durable.
    SyncFolder,
    /// A file got another name.
    Rename,
    /// A file was cut or extended.
    SetLen,
    /// Anything that changes nothing.
    Read,
}

/// An operation that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Its kind.
    pub kind: Kind,
    /// The file or folder.
    pub name: String,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// An error, and nothing was done.
    Failed,
    /// An error, and everything was done.
    Persisted,
    /// An error, and the first bytes were written.
    Short,
    /// An error, and the first bytes and some of the other blocks, or some of the waiting blocks or names, were written.
    Torn,
    /// The disk is full: what fits into the file as it is was written.
    NoSpace,
    /// As torn, and every later operation fails too: the power is off.
    PowerCut,
}

impl Mode {
    /// The modes in which an operation can fail.
    pub const fn of(kind: Kind) -> &'static [Mode] {
        match kind {
            Kind::Write => &[Mode::Failed, Mode::Persisted, Mode::Short, Mode::Torn, Mode::NoSpace, Mode::PowerCut],
            Kind::Sync | Kind::SyncFolder => &[Mode::Failed, Mode::Persisted, Mode::Torn, Mode::PowerCut],
            Kind::Rename | Kind::SetLen => &[Mode::Failed, Mode::Persisted, Mode::PowerCut],
            Kind::Read => &[Mode::Failed, Mode::PowerCut],
        }
    }

    /// Whether an operation that is done whole or not at all is done.
    pub(crate) fn is_done(self, seed: u64) -> bool {
        self.keeper(seed)()
    }

    /// Which parts of an operation are done.
    pub(crate) fn keeper(self, seed: u64) -> impl FnMut() -> bool {
        let mut random = Random::new(seed);
        move || match self {
            Mode::Failed | Mode::NoSpace => false,
            Mode::Persisted => true,
            Mode::Short | Mode::Torn | Mode::PowerCut => random.below(2) == 0,
        }
    }
}

/// One failure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The operation, counted from 0.
    pub at: u64,
    /// How it fails.
    pub mode: Mode,
    /// What decides how much of it is done.
    pub seed: u64,
}

impl Fault {
    pub(crate) fn error(&self) -> io::Error {
        failure(&format!("simulated failure: {:?} at operation {}", self.mode, self.at))
    }
}

/// An error of the simulated disk.
pub fn failure(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

/// Reproducible choices (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The choices that follow from a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below a bound above 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }
}
