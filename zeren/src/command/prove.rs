//! `zeren prove`: a file for somebody who holds no ledger.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::evidence::{MapEvidence, Subject};
use signer::value::{CaseId, PersonId};

use super::read_ledger;
use crate::error::{Failure, HOLDS};
use crate::files;
use crate::lang::Lang;
use crate::remote::authorities::Authorities;
use crate::remote::client::Client;
use crate::remote::history::require_earlier;
use crate::remote::session::{Asker, Session};
use crate::screen::say;
use crate::secret::PassphraseSource;

/// Of what a proof is made.
#[derive(Subcommand)]
pub enum Command {
    /// What the latest index entry says of a case, and that nothing else exists for it
    Case(ProveArgs),
    /// The same for a person's latest key
    Key(ProveArgs),
}

/// `zeren prove case|key`
#[derive(Args)]
pub struct ProveArgs {
    /// The case, or the person
    id: String,
    /// The ledger's folder
    #[arg(long, required_unless_present = "from")]
    dir: Option<PathBuf>,
    /// Ask a service instead, at this address
    #[arg(long, value_name = "URL", conflicts_with = "dir", requires = "key", requires = "person")]
    from: Option<String>,
    /// With --from: your key's file; what you have seen of the ledger is remembered beside it
    #[arg(long, requires = "from")]
    key: Option<PathBuf>,
    /// With --from: who you are
    #[arg(long, requires = "from")]
    person: Option<String>,
    /// With --from: the trust policy, needed the first time
    #[arg(long, value_name = "FILE", requires = "from")]
    policy: Option<PathBuf>,
    /// With --from: certificates of the authorities that vouch for the address; then no others are trusted
    #[arg(long, value_name = "FILE", requires = "from")]
    ca: Option<PathBuf>,
    /// With --from: send a reading token to another machine although nothing is encrypted: something else protects the way
    #[arg(long, requires = "from")]
    plain_http: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Where the proof is written
    #[arg(long)]
    out: PathBuf,
}

/// Makes a proof, or fetches one.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    let (Command::Case(args) | Command::Key(args)) = command;
    let evidence = match (&args.dir, &args.from, &args.key, &args.person) {
        (Some(_), ..) => made(command, args, lang)?,
        (None, Some(url), Some(key), Some(person)) => {
            let (policy, plain_http) = (args.policy.as_deref(), args.plain_http);
            let asker = Asker { key, person, policy, plain_http, passphrase: &args.passphrase };
            let client = Client::new(url, &Authorities::read(args.ca.as_deref(), lang)?, lang)?;
            fetched(command, &args.id, client, &asker, lang)?
        }
        _ => return Err(Failure::malformed("--dir DIR, or --from URL --key FILE --person PERSON")),
    };
    let index = evidence.receipt.index;
    files::replace(&args.out, evidence.encode().as_bytes(), 0o644)?;
    say(&match lang {
        Lang::En => format!("{}: what entry {index} says of {}", args.out.display(), args.id),
        Lang::Zh => format!("{}：第 {index} 条索引对 {} 的记载", args.out.display(), args.id),
    });
    Ok(ExitCode::from(HOLDS))
}

fn no_such(id: &str, lang: Lang) -> Failure {
    Failure::malformed(format!("{}: {}", id.escape_debug(), lang.pick("no such id", "编号无效")))
}

fn made(command: &Command, args: &ProveArgs, lang: Lang) -> Result<MapEvidence, Failure> {
    let ledger = read_ledger(args.dir.as_deref().unwrap_or_else(|| ".".as_ref()), lang)?;
    let malformed = || no_such(&args.id, lang);
    let subject = match command {
        Command::Case(_) => Subject::Case(CaseId::parse(&args.id).ok_or_else(malformed)?),
        Command::Key(_) => {
            let person = PersonId::parse(&args.id).ok_or_else(malformed)?;
            let key = ledger.state().person(&person).and_then(|known| known.latest_key()).ok_or_else(malformed)?.key;
            Subject::Key(person, key)
        }
    };
    ledger.prove(subject)?.ok_or_else(|| {
        Failure::malformed(lang.pick(
            "this ledger has no index entry: its procedure does not ask for any ([index] daily)",
            "该账本没有索引条目：其办法未要求（[index] daily）",
        ))
    })
}

/// What a service sends is kept only if it is of what was asked, verifies, and is of the history that was seen.
fn fetched(command: &Command, id: &str, client: Client, asker: &Asker<'_>, lang: Lang) -> Result<MapEvidence, Failure> {
    let is_asked = |subject: &Subject| match (command, subject) {
        (Command::Case(_), Subject::Case(case)) => case.as_str() == id,
        (Command::Key(_), Subject::Key(person, _)) => person.as_str() == id,
        _ => false,
    };
    let path = match command {
        Command::Case(_) => CaseId::parse(id).map(|case| format!("/v1/cases/{case}/proof")),
        Command::Key(_) => PersonId::parse(id).map(|person| format!("/v1/persons/{person}/proof")),
    };
    let path = path.ok_or_else(|| no_such(id, lang))?;
    let session = Session::open_to_read(client, asker, lang)?;
    let sent = session.client.get(&path)?.text;
    let evidence = MapEvidence::parse(sent.as_bytes()).filter(|evidence| is_asked(&evidence.subject));
    let evidence = evidence.ok_or_else(|| Failure::Remote { what: format!("{}: no map proof of {id}", session.client.base()) })?;
    let checkpoint = evidence.verify_under(session.ledger.as_str(), &session.memory.key).map_err(Failure::Refused)?;
    require_earlier(&session.client, &session.memory, &checkpoint, lang)?;
    Ok(evidence)
}
