//! Generations: a store that is built anew is built in a folder beside the old one and takes its place in one step.
//!
//! ```text
//! lock                  held while the views are open
//! current               `zeren views v1\n<number>\n<size>\n`: which generation is in use, and how many entries it counted when it
//!                       was last made durable
//! generation-000003/    that store; any other generation was never finished
//! aside/                the last store that was in doubt or replaced; at most one
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::ProjectorError;

const CURRENT: &str = "current";
const CURRENT_KIND: &str = "zeren views v1";
/// Longest pointer file, in bytes.
const CURRENT_BYTES_MAX: u64 = 64;
const ASIDE: &str = "aside";
const PREFIX: &str = "generation-";

/// What the pointer file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    /// The generation in use.
    pub number: u64,
    /// Entries that it counted when it was last made durable. A store that counts fewer has lost what it said was safe, and what
    /// it is given next may be lost too.
    pub size: u64,
}

/// The folder of the views, held by this process.
pub(crate) struct Generations {
    path: PathBuf,
    _lock: File,
}

impl Generations {
    /// Takes the folder, which is made if it is not there; the folder above must be.
    pub fn hold(path: &Path) -> Result<Generations, ProjectorError> {
        let failed = ProjectorError::storage("opening the folder of the views");
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock")).map_err(&failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => ProjectorError::InUse,
            TryLockError::Error(error) => failed(error),
        })?;
        Ok(Generations { path: path.to_owned(), _lock: lock })
    }

    /// The folder of a generation.
    pub fn folder(&self, number: u64) -> PathBuf {
        self.path.join(format!("{PREFIX}{number:06}"))
    }

    /// The generation in use; nothing where none ever was.
    pub fn current(&self) -> Result<Option<Current>, ProjectorError> {
        let incomplete = |what: &str| ProjectorError::Incomplete { what: what.to_owned() };
        let path = self.path.join(CURRENT);
        let bytes = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ProjectorError::storage("looking for the views")(error)),
            Ok(metadata) if metadata.len() > CURRENT_BYTES_MAX => return Err(incomplete("the file `current` is too long")),
            Ok(_) => fs::read(&path).map_err(ProjectorError::storage("reading the file `current`"))?,
        };
        let current = parse(&bytes).ok_or_else(|| incomplete("the file `current` names no generation"))?;
        let number = current.number;
        if self.folder(number).is_dir() { Ok(Some(current)) } else { Err(incomplete(&format!("generation {number} is not there"))) }
    }

    /// Removes what was never finished; gives the number of the generation that is built next.
    pub fn begin(&self, current: Option<u64>) -> Result<u64, ProjectorError> {
        let mut last = current.unwrap_or(0);
        for number in self.numbers()? {
            last = last.max(number);
            if Some(number) != current {
                fs::remove_dir_all(self.folder(number)).map_err(ProjectorError::storage("removing unfinished views"))?;
            }
        }
        Ok(last + 1)
    }

    fn numbers(&self) -> Result<Vec<u64>, ProjectorError> {
        let failed = ProjectorError::storage("listing the views");
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(&failed)? {
            let name = entry.map_err(&failed)?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u64>().ok()));
        }
        Ok(numbers)
    }

    /// Puts a finished generation in use, or notes how far it is durable.
    pub fn switch(&self, new: Current) -> Result<(), ProjectorError> {
        let failed = ProjectorError::storage("putting new views in use");
        let partial = self.path.join("current.partial");
        let mut file = File::create(&partial).map_err(&failed)?;
        file.write_all(format!("{CURRENT_KIND}\n{}\n{}\n", new.number, new.size).as_bytes()).map_err(&failed)?;
        file.sync_all().map_err(&failed)?;
        // The switch: the pointer names the one generation or the other.
        fs::rename(&partial, self.path.join(CURRENT)).map_err(&failed)?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Keeps a generation that is no longer in use, nor open, for whoever wants to know what was wrong with it, in place of the
    /// one that was kept before.
    pub fn put_aside(&self, number: u64) -> Result<(), ProjectorError> {
        let failed = ProjectorError::storage("putting old views aside");
        let aside = self.path.join(ASIDE);
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        fs::rename(self.folder(number), aside).map_err(failed)
    }
}

fn parse(bytes: &[u8]) -> Option<Current> {
    let (number, size) =
        core::str::from_utf8(bytes).ok()?.strip_prefix(CURRENT_KIND)?.strip_prefix('\n')?.strip_suffix('\n')?.split_once('\n')?;
    Some(Current { number: number.parse().ok()?, size: size.parse().ok()? })
}
