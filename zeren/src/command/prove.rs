//! `zeren prove`: a file for somebody who holds no ledger.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::entry::Entry;
use ledger::evidence::{MapEvidence, Subject};
use signer::Note;
use signer::anchor_note::AnchorNote;
use signer::value::{CaseId, LedgerId, PersonId};

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
    /// The latest checkpoint of another ledger that this one anchors, as a file that --known takes
    Anchor(AnchorArgs),
}

/// `zeren prove anchor`
#[derive(Args)]
pub struct AnchorArgs {
    /// The other ledger's id
    id: String,
    /// The folder of the ledger that anchors it
    #[arg(long)]
    dir: PathBuf,
    /// Where the checkpoint is written
    #[arg(long)]
    out: PathBuf,
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
    match command {
        Command::Anchor(args) => anchor(args, lang),
        Command::Case(args) => of_map(Map::Cases, args, lang),
        Command::Key(args) => of_map(Map::Keys, args, lang),
    }
}

/// The anchored checkpoint, under the other ledger's own signature: no word of this ledger is needed to use it.
fn anchor(args: &AnchorArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let ledger = read_ledger(&args.dir, lang)?;
    let id = LedgerId::parse(&args.id).ok_or_else(|| no_such(&args.id, lang))?;
    let none = || Failure::malformed(format!("{id}: {}", lang.pick("this ledger anchors no such ledger", "本账本没有该账本的锚点")));
    let entry = ledger.state().anchored(&id).ok_or_else(none)?.entry;
    let bytes = ledger.entry(entry)?.ok_or_else(none)?;
    let note = Entry::parse(&bytes).ok().and_then(|entry| Note::parse(entry.note).ok());
    let anchor = note.and_then(|note| AnchorNote::parse(&note.text)).ok_or_else(none)?;
    let checkpoint = anchor.signed_checkpoint().ok_or_else(none)?;
    files::replace(&args.out, checkpoint.encode().as_bytes(), 0o644)?;
    let (out, size) = (args.out.display(), anchor.size);
    say(&match lang {
        Lang::En => format!("{out}: {id} had {size} entries, says entry {entry} of {}", anchor.ledger),
        Lang::Zh => format!("{out}：{id} 当时有 {size} 条，见 {} 第 {entry} 条", anchor.ledger),
    });
    Ok(ExitCode::from(HOLDS))
}

/// Of which map something is proved.
#[derive(Clone, Copy)]
enum Map {
    Cases,
    Keys,
}

fn of_map(map: Map, args: &ProveArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let evidence = match (&args.dir, &args.from, &args.key, &args.person) {
        (Some(_), ..) => made(map, args, lang)?,
        (None, Some(url), Some(key), Some(person)) => {
            let (policy, plain_http) = (args.policy.as_deref(), args.plain_http);
            let asker = Asker { key, person, policy, plain_http, passphrase: &args.passphrase };
            let client = Client::new(url, &Authorities::read(args.ca.as_deref(), lang)?, lang)?;
            fetched(map, &args.id, client, &asker, lang)?
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

fn made(map: Map, args: &ProveArgs, lang: Lang) -> Result<MapEvidence, Failure> {
    let ledger = read_ledger(args.dir.as_deref().unwrap_or_else(|| ".".as_ref()), lang)?;
    let malformed = || no_such(&args.id, lang);
    let subject = match map {
        Map::Cases => Subject::Case(CaseId::parse(&args.id).ok_or_else(malformed)?),
        Map::Keys => {
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
fn fetched(map: Map, id: &str, client: Client, asker: &Asker<'_>, lang: Lang) -> Result<MapEvidence, Failure> {
    let is_asked = |subject: &Subject| match (map, subject) {
        (Map::Cases, Subject::Case(case)) => case.as_str() == id,
        (Map::Keys, Subject::Key(person, _)) => person.as_str() == id,
        _ => false,
    };
    let path = match map {
        Map::Cases => CaseId::parse(id).map(|case| format!("/v1/cases/{case}/proof")),
        Map::Keys => PersonId::parse(id).map(|person| format!("/v1/persons/{person}/proof")),
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
