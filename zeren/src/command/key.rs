//! `zeren key`: make keys, show them, prove that one holds them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use signer::keyfile;
use signer::note::{TYPE_ED25519, key_id};
use signer::possession::{self, Occasion};
use signer::value::{IdentityToken, KeyBytes, LedgerId, PersonId, base64};

use super::print;
use crate::demo_keys::{DemoSeed, SEED_FILE};
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::secret::{PassphraseSource, key_file_randomness, new_key, open_key};

/// The key commands.
#[derive(Subcommand)]
pub enum Command {
    /// Make a key and write it to a new file
    New(New),
    /// Show the public half of a key
    Show(Show),
    /// Write the key of an official of a demonstration, who is invented: never for a production ledger
    Demo(Demo),
    /// Prove possession of a new key: prints the `key` and `proof` lines of act enrol, rotate or rekey
    Prove(Prove),
}

/// `zeren key new`
#[derive(Args)]
pub struct New {
    /// The file to write (PKCS#8 PEM; OpenSSL reads it)
    file: PathBuf,
    /// Without a passphrase: for a ledger's checkpoint key, never for an official's key
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// `zeren key show`
#[derive(Args)]
pub struct Show {
    /// The key file
    file: PathBuf,
    /// Show the key id beside this name (a person, a witness)
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// `zeren key demo`
#[derive(Args)]
pub struct Demo {
    /// The invented official
    person: String,
    /// The demonstration's folder, which holds its seed
    #[arg(long)]
    dir: PathBuf,
    /// The file to write, without a passphrase
    #[arg(long, short)]
    output: PathBuf,
}

/// `zeren key prove`
#[derive(Args)]
pub struct Prove {
    /// The new key's file
    file: PathBuf,
    /// The ledger's id
    #[arg(long)]
    ledger: String,
    /// The person who receives the key
    #[arg(long)]
    person: String,
    /// For act enrol: the person's identity token
    #[arg(long, required_unless_present = "replaces", conflicts_with = "replaces")]
    identity: Option<String>,
    /// For acts rotate and rekey: the old public key
    #[arg(long)]
    replaces: Option<String>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Runs a key command.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        Command::New(args) => new(args, lang),
        Command::Show(args) => show(args, lang),
        Command::Demo(args) => demo(args, lang),
        Command::Prove(args) => prove(args, lang),
    }
}

fn new(args: &New, lang: Lang) -> Result<ExitCode, Failure> {
    if args.file.exists() {
        return Err(Failure::malformed(format!(
            "{}: {}",
            args.file.display(),
            lang.pick("exists; a key is never overwritten", "文件已存在，密钥绝不覆盖")
        )));
    }
    let key = new_key()?;
    let refused = |source| Failure::KeyFile { path: args.file.display().to_string(), source };
    let text = if args.plain {
        keyfile::plain(&key).map_err(refused)?
    } else {
        keyfile::encrypt(&key, &args.passphrase.new_passphrase(lang)?, &key_file_randomness()?).map_err(refused)?
    };
    files::write_secret(&args.file, text.as_bytes())?;
    print(&format!("{} {}", lang.pick("public key", "公钥"), key.public().bytes()));
    Ok(ExitCode::SUCCESS)
}

fn demo(args: &Demo, lang: Lang) -> Result<ExitCode, Failure> {
    let seed = DemoSeed::new(&files::read_text(&args.dir.join(SEED_FILE), 1_024)?);
    let key = seed.key(&args.person);
    let text = keyfile::plain(&key).map_err(|source| Failure::KeyFile { path: args.output.display().to_string(), source })?;
    files::write_secret(&args.output, text.as_bytes())?;
    print(&format!("{} {}", lang.pick("public key", "公钥"), key.public().bytes()));
    Ok(ExitCode::SUCCESS)
}

fn show(args: &Show, lang: Lang) -> Result<ExitCode, Failure> {
    let key = open_key(&args.file, &args.passphrase, lang)?.public().bytes();
    let id: Option<String> =
        args.name.as_ref().map(|name| key_id(name, TYPE_ED25519, &key.0).iter().map(|byte| format!("{byte:02x}")).collect());
    if args.json {
        print(&json!({ "key": key.to_string(), "name": args.name, "key_id": id }).to_string());
    } else {
        print(&format!("{} {key}", lang.pick("public key", "公钥")));
        if let (Some(name), Some(id)) = (&args.name, id) {
            print(&format!("{} {id} ({name})", lang.pick("key id", "密钥编号")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn prove(args: &Prove, lang: Lang) -> Result<ExitCode, Failure> {
    let value = |what: &str, text: &str| Failure::malformed(format!("{text}: {} {what}", lang.pick("not a valid", "无效的")));
    let ledger = LedgerId::parse(&args.ledger).ok_or_else(|| value("ledger id", &args.ledger))?;
    let person = PersonId::parse(&args.person).ok_or_else(|| value("person", &args.person))?;
    let occasion = match (&args.identity, &args.replaces) {
        (Some(token), _) => Occasion::Identity(IdentityToken::parse(token).ok_or_else(|| value("identity token", token))?),
        (None, Some(old)) => Occasion::Replaces(KeyBytes::parse(old).ok_or_else(|| value("public key", old))?),
        (None, None) => return Err(Failure::malformed("--identity or --replaces")),
    };
    let key = open_key(&args.file, &args.passphrase, lang)?;
    let proof = possession::prove(&ledger, &person, occasion, &key);
    print(&format!("key ed25519 {}\nproof {}", key.public().bytes(), base64(&proof.0)));
    Ok(ExitCode::SUCCESS)
}
