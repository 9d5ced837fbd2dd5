//! Passphrases and keys of the person at this machine. Never from arguments or the environment.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use signer::SecretKey;
use signer::keyfile::{self, KEY_FILE_BYTES_MAX, Randomness};
use zeroize::Zeroizing;

use crate::error::Failure;
use crate::files;
use crate::lang::Lang;

/// Longest passphrase, in bytes.
const PASSPHRASE_BYTES_MAX: u64 = 1_024;

/// Where a passphrase comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PassphraseSource {
    /// Read the passphrase from this file descriptor instead of the terminal
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// Read the passphrase from this systemd credential
    #[arg(long, value_name = "NAME", conflicts_with = "passphrase_fd")]
    pub passphrase_credential: Option<String>,
}

impl PassphraseSource {
    fn read(&self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        if let Some(number) = self.passphrase_fd {
            return first_line(Path::new(&format!("/proc/self/fd/{number}")));
        }
        if let Some(name) = &self.passphrase_credential {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
            let folder = folder.ok_or_else(|| Failure::malformed("no credentials here: the service manager sets CREDENTIALS_DIRECTORY"))?;
            if name.contains('/') {
                return Err(Failure::malformed("the name of a credential has no slash"));
            }
            return first_line(&folder.join(name));
        }
        rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|source| Failure::File { path: "terminal".to_owned(), source })
    }

    /// Asks for a new passphrase, twice at a terminal.
    pub fn new_passphrase(&self, lang: Lang) -> Result<Zeroizing<String>, Failure> {
        let first = self.read(lang.pick("New passphrase (at least 8 characters): ", "新口令（至少 8 个字符）："))?;
        if self.passphrase_fd.is_none() && self.passphrase_credential.is_none() {
            let again = self.read(lang.pick("The same again: ", "请再输入一次："))?;
            if *first != *again {
                return Err(Failure::malformed(
                    lang.pick("the two passphrases differ; nothing was written", "两次口令不一致，未写入任何文件"),
                ));
            }
        }
        Ok(first)
    }
}

/// A line that nobody reads over a shoulder: typed at the terminal, or from a file descriptor.
pub fn asked(descriptor: Option<u32>, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    PassphraseSource { passphrase_fd: descriptor, passphrase_credential: None }.read(prompt)
}

fn first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let file = File::open(path).map_err(Failure::file(path))?;
    let mut line = Zeroizing::new(String::new());
    BufReader::new(file.take(PASSPHRASE_BYTES_MAX)).read_line(&mut line).map_err(Failure::file(path))?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Opens a key file, asking for its passphrase if it has one.
pub fn open_key(path: &Path, source: &PassphraseSource, lang: Lang) -> Result<SecretKey, Failure> {
    let file = Zeroizing::new(files::read(path, KEY_FILE_BYTES_MAX as u64)?);
    let passphrase = if keyfile::is_encrypted(&file) {
        let prompt = format!("{} {}: ", lang.pick("Passphrase of", "口令："), path.display());
        Some(source.read(&prompt)?)
    } else {
        None
    };
    keyfile::read(&file, passphrase.as_ref()).map_err(|source| Failure::KeyFile { path: path.display().to_string(), source })
}

/// A new secret key.
pub fn new_key() -> Result<SecretKey, Failure> {
    Ok(SecretKey::from_seed(&Zeroizing::new(random()?)))
}

/// Salt and initialisation vector of a key file.
pub fn key_file_randomness() -> Result<Randomness, Failure> {
    Ok(Randomness { salt: random()?, iv: random()? })
}

/// Random bytes from the system.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::malformed(format!("the system gives no randomness: {error}")))?;
    Ok(bytes)
}
