//! `zeren draft`: write a statement for its signers. Every act can be drafted, by its lines in format.md.

mod applications;
mod clerk;
mod rehearsal;
mod relations;
mod roster;
mod rows;
mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use ledger::procedure::{PROCEDURE_BYTES_MAX, Procedure, procedure_digest};
use ledger::state::State;
use signer::ActName;
use signer::act::report_token;
use signer::draft::{DRAFT_BYTES_MAX, Draft, DraftStatement};
use signer::statement::{By, STATEMENT_KIND, Statement};
use signer::value::{CaseId, Code, DeviceId, PersonId, Time, UnixMs, base64};

use super::{print, read_ledger};
use crate::desk::{DESK_BYTES_MAX, Desk, Governs, Scope, choose_by};
use crate::error::Failure;
use crate::lang::Lang;
use crate::screen::say;
use crate::secret::random;
use crate::{clock, files};

/// `zeren draft`
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Acts: found amend enact enrol device device-end appoint appoint-end rotate rekey revoke relate qualify import;\n\
of a programme: step join sheet post-up post-down outcome correct transfer account objection dissent report appeal answer\n\
recuse hold release override ruling team; of a cluster: incident. A case without its head, a list without its root, a batch\n\
without its list and an incident without size and root are completed from the ledger.\n\
Examples: zeren draft step --dir ledger --by t701 --by t702 --device d-07 -o a.draft \\\n    'step visit' 'case 07-05-003' 'assert entered yes' … 'evidence visit-record <commitment>'\n\
 zeren draft appoint --dir ledger --by p0001 --by p0002 --device d000 -o a.draft \\\n    'person p0412' 'office archivist' 'unit 00' 'capacity regular' 'home 00' \\\n    'from 2026-01-01T00:00:00+08:00' 'to open' 'instrument <commitment>'"
)]
pub struct Args {
    #[command(subcommand)]
    table: Option<TableCommand>,
    #[command(flatten)]
    act: Option<ActArgs>,
}

/// Statements for every row of a table.
#[derive(clap::Subcommand)]
enum TableCommand {
    /// Enrolments, appointments and qualifications, a row each in CSV or XLSX
    Roster(roster::Args),
    /// Relations of officials to cases and to each other, a row each in CSV or XLSX
    Relations(relations::Args),
    /// Applications: the step that opens a case, a row each in CSV or XLSX
    Applications(applications::Args),
}

/// One act.
#[derive(clap::Args)]
struct ActArgs {
    /// The act
    act: String,
    /// The act's own lines, `key value`, in any order (docs/format.md section 5)
    lines: Vec<String>,
    /// The ledger's folder; not for act found
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// In place of a folder: the desk that `zeren desk fetch` brought, which is kept up to date with what is drafted
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    desk: Option<PathBuf>,
    /// One statement for every row of this CSV file: its columns are named as lines begin (`case`, `assert entered`), its cells end them
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// A signer: PERSON, or PERSON:OFFICE, or PERSON:OFFICE:UNIT; in the order of signing
    #[arg(long, value_name = "PERSON")]
    by: Vec<String>,
    /// The device on which it is signed
    #[arg(long)]
    device: Option<String>,
    /// The device's clock (default: this machine's)
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A size that a signer remembers: the draft then brings the proof between the two (what signers saw when they last signed
    /// is brought without asking)
    #[arg(long, value_name = "SIZE")]
    remembered: Vec<u64>,
    /// For act enact: the procedure's file
    #[arg(long, value_name = "FILE")]
    procedure: Option<PathBuf>,
    /// Take more lines from this file (such as what `zeren key prove` printed)
    #[arg(long, value_name = "FILE")]
    lines_from: Vec<PathBuf>,
    /// Add to the draft if it exists
    #[arg(long)]
    append: bool,
    /// The draft to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Writes drafts.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    match (&args.table, &args.act) {
        (Some(TableCommand::Roster(args)), _) => roster::run(args, lang),
        (Some(TableCommand::Relations(args)), _) => relations::run(args, lang),
        (Some(TableCommand::Applications(args)), _) => applications::run(args, lang),
        (None, Some(args)) => one(args, lang),
        (None, None) => Err(Failure::malformed(lang.pick("which act?", "请指明行为"))),
    }
}

fn one(args: &ActArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let act = ActName::named(&args.act).ok_or_else(|| {
        let known: Vec<&str> = ActName::ALL.iter().map(|act| act.as_str()).collect();
        Failure::malformed(format!("{}: {} ({})", args.act, lang.pick("no act of that name", "没有此行为"), known.join(" ")))
    })?;
    let lines = own_lines(args, lang)?;
    let mut draft = existing_draft(args, lang)?;
    let mut desk = None;
    if act == ActName::Found {
        found(lines, &mut draft, lang)?;
    } else {
        let desk = desk.insert(read_desk(args, lang)?);
        if draft.from.as_ref().is_some_and(|earlier| earlier.checkpoint.text != desk.from.checkpoint.text) {
            return Err(Failure::malformed(
                lang.pick("the ledger has moved on since that draft was begun: start a new one", "草稿开始后账本已有变动，请新建草稿"),
            ));
        }
        draft.from = Some(desk.from.clone());
        let rows = args.rows.as_deref().map(|path| rows::read(path, lang)).transpose()?;
        for (at, row) in rows.unwrap_or_else(|| vec![Vec::new()]).into_iter().enumerate() {
            let mut lines = lines.clone();
            row.into_iter().for_each(|(key, value)| lines.entry(key).or_default().push(value));
            let add = header_lines(args, act, desk, &draft, &mut lines, lang).and_then(|()| add(act, &lines, &mut draft, lang));
            add.map_err(|failure| rows::of_row(failure, args.rows.as_deref(), at, lang))?;
            desk.take_account(&Draft { from: None, statements: draft.statements.last().cloned().into_iter().collect() });
        }
    }
    let bytes = draft.encode();
    if args.append {
        files::replace(&args.output, bytes.as_bytes(), 0o644)?
    } else {
        files::write_new(&args.output, bytes.as_bytes())?
    }
    if let (Some(path), Some(desk)) = (&args.desk, desk) {
        files::replace(path, desk.to_json().to_string().as_bytes(), 0o600)?;
    }
    print(&format!("{}: {} {}", args.output.display(), draft.statements.len(), lang.pick("statement(s) to sign", "份声明待签")));
    Ok(ExitCode::SUCCESS)
}

fn found(mut lines: Lines, draft: &mut Draft, lang: Lang) -> Result<(), Failure> {
    lines.entry("at".to_owned()).or_insert_with(|| vec![clock::device_time().to_string()]);
    lines.entry("nonce".to_owned()).or_insert(vec![base64(&random::<32>()?)]);
    add(ActName::Found, &lines, draft, lang)
}

fn add(act: ActName, lines: &Lines, draft: &mut Draft, lang: Lang) -> Result<(), Failure> {
    let text = assemble(act, lines, lang)?;
    Statement::parse(&text).map_err(Failure::Refused)?;
    draft.statements.push(DraftStatement { text, signatures: Vec::new() });
    Ok(())
}

/// The desk that was brought, or the one of the ledger on this machine.
fn read_desk(args: &ActArgs, lang: Lang) -> Result<Desk, Failure> {
    if let Some(path) = &args.desk {
        let bytes = files::read(path, DESK_BYTES_MAX)?;
        let desk = Desk::parse(&bytes).map_err(|what| Failure::malformed(format!("{}: {what}", path.display())))?;
        if let Some(size) =
            args.remembered.iter().find(|size| !desk.from.consistency.iter().any(|proof| proof.old == **size || proof.new == **size))
        {
            let advice = lang.pick("fetch the desk again with --remembered", "请用 --remembered 重新获取工作台");
            return Err(Failure::malformed(format!("--remembered {size}: {advice}")));
        }
        return Ok(desk);
    }
    let ledger = read_ledger(&args.dir, lang)?;
    let scope = Scope { covers: &|_| true, needs: &|_, _| true, persons: &signers(&args.by), remembered: &args.remembered };
    Desk::of(ledger.state(), ledger.history(), ledger.checkpoint(), ledger.size(), &scope)
}

type Lines = BTreeMap<String, Vec<String>>;

fn own_lines(args: &ActArgs, lang: Lang) -> Result<Lines, Failure> {
    let mut all: Vec<String> = args.lines.clone();
    for path in &args.lines_from {
        all.extend(files::read_text(path, files::TEXT_BYTES_MAX)?.lines().map(str::to_owned));
    }
    let mut lines = Lines::new();
    for line in all {
        let (key, value) = line.split_once(' ').ok_or_else(|| {
            Failure::malformed(format!("`{line}`: {}", lang.pick("a line is a key, a space and a value", "每行应为“键 空格 值”")))
        })?;
        lines.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    if let Some(path) = &args.procedure {
        let text = files::read_text(path, PROCEDURE_BYTES_MAX as u64)?;
        let procedure = Procedure::parse(&text).map_err(Failure::Refused)?;
        let enacts = format!("{} {} {}", procedure.id, procedure.version, procedure_digest(&text));
        lines.insert("enacts".to_owned(), vec![enacts]);
        lines.insert("|".to_owned(), text.split_terminator('\n').map(str::to_owned).collect());
    }
    Ok(lines)
}

fn existing_draft(args: &ActArgs, lang: Lang) -> Result<Draft, Failure> {
    if args.append && args.output.exists() {
        let bytes = files::read(&args.output, DRAFT_BYTES_MAX as u64)?;
        let draft = Draft::parse(&bytes).map_err(|source| Failure::Draft { path: args.output.display().to_string(), source })?;
        if draft.statements.iter().any(|statement| !statement.signatures.is_empty()) {
            return Err(Failure::malformed(
                lang.pick("somebody has signed that draft already: start a new one", "该草稿已有人签名，请新建草稿"),
            ));
        }
        return Ok(draft);
    }
    Ok(Draft { from: None, statements: Vec::new() })
}

/// Who is named by `--by`, without offices.
fn signers(by: &[String]) -> Vec<PersonId> {
    by.iter().filter_map(|signer| PersonId::parse(signer.split(':').next()?)).collect()
}

/// The sizes for which proofs are wanted: what each signer is known to have seen when signing last.
fn remembered_sizes(signers: &[PersonId], state: &State) -> Vec<u64> {
    let mut sizes: Vec<u64> = signers.iter().filter_map(|signer| state.person(signer)).map(|person| person.seen_last).collect();
    sizes.retain(|size| *size > 0);
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn header_lines(args: &ActArgs, act: ActName, desk: &Desk, draft: &Draft, lines: &mut Lines, lang: Lang) -> Result<(), Failure> {
    let at = match (&args.at, desk.simulated_now) {
        (None, Some(now)) => clock::demo_time(now),
        _ => device_time(args.at.as_deref(), lang)?,
    };
    if args.by.is_empty() {
        return Err(Failure::malformed(lang.pick("--by: who signs?", "--by：由谁签署？")));
    }
    let device = device(args.device.as_deref(), lang)?;
    // Judged when it is received, which is not before the last entry; a device's clock shows whole seconds only.
    let moment = at.unix_ms().max(desk.received_last);
    let by: Result<Vec<String>, Failure> =
        args.by.iter().map(|signer| desk.by(signer, act, moment, lang).map(|by| shown_by(&by))).collect();
    let name = desk.procedure_at(moment).map(|enacted| &enacted.name);
    let seen = &desk.seen;
    let header = [
        ("ledger", vec![desk.ledger.to_string()]),
        ("procedure", vec![name.map_or("none".to_owned(), |name| format!("{} {} {}", name.id, name.version, name.digest))]),
        ("by", by?),
        ("device", vec![format!("{device} {}", desk.next_counter(&device, draft))]),
        ("at", vec![at.to_string()]),
        ("seen", vec![format!("{} {} {}", seen.size, seen.root, seen.chain)]),
    ];
    for (key, values) in header {
        lines.entry(key.to_owned()).or_insert(values);
    }
    complete(act, lines, desk);
    if act == ActName::Incident {
        // What the signers see is what the record goes on from.
        lines.entry("size".to_owned()).or_insert(vec![seen.size.to_string()]);
        lines.entry("root".to_owned()).or_insert(vec![seen.root.to_string()]);
    }
    if act == ActName::Report && !lines.contains_key("report") {
        let code = reporters_code()?;
        say(&format!("{}: {code}", lang.pick("give the reporter this code, and keep no copy", "请将此编码交给举报人，不得留存")));
        lines.insert("report".to_owned(), vec![report_token(&code).to_string()]);
    }
    Ok(())
}

/// A code that nobody guesses and that can be read out on the telephone: five groups of four letters and digits.
fn reporters_code() -> Result<String, Failure> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let bytes: [u8; 20] = random()?;
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    Ok(letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

/// What a person need not type: heads of cases, counts and roots of lists, lists and sums of batches.
fn complete(act: ActName, lines: &mut Lines, desk: &Desk) {
    let head = |case: &str| {
        let case = CaseId::parse(case)?;
        Some(format!("{case} {}", desk.heads.get(&case).map_or("new".to_owned(), ToString::to_string)))
    };
    let list = |id: &str| {
        let (count, total, root) = desk.lists.get(&Code::parse(id)?)?;
        Some(format!("{id} {count} {total} {root}"))
    };
    let batch = |id: &str| {
        let (list, count, total) = desk.batches.get(&Code::parse(id)?)?;
        Some(format!("{id} {list} {count} {total}"))
    };
    let is_of_cases = act == ActName::Sheet && lines.get("kind").is_some_and(|kinds| kinds.iter().any(|kind| kind == "cases"));
    for (key, values) in lines {
        for value in values {
            let completed = match key.as_str() {
                "case" => head(value),
                "|" if is_of_cases => head(value),
                "list" | "seats" | "results" if act != ActName::Sheet => list(value),
                "batch" if act == ActName::Step => batch(value),
                _ => None,
            };
            if let Some(completed) = completed {
                *value = completed;
            }
        }
    }
}

fn shown_by(By { person, office, unit, appointment }: &By) -> String {
    format!("{person} {office} {unit} {appointment}")
}

/// The time that the device shows: as asked for, or this machine's.
fn device_time(asked: Option<&str>, lang: Lang) -> Result<Time, Failure> {
    let Some(text) = asked else { return Ok(clock::device_time()) };
    Time::parse(text).ok_or_else(|| {
        Failure::malformed(format!(
            "--at {text}: {}",
            lang.pick("a time such as 2013-03-11T09:14:05+08:00", "时间格式如 2013-03-11T09:14:05+08:00")
        ))
    })
}

fn device(asked: Option<&str>, lang: Lang) -> Result<DeviceId, Failure> {
    asked
        .and_then(DeviceId::parse)
        .ok_or_else(|| Failure::malformed(lang.pick("--device: on which device is it signed?", "--device：在哪台设备上签署？")))
}

/// In which office a signer signs, by the state of a ledger on this machine.
fn by(signer: &str, act: ActName, state: &State, moment: UnixMs, lang: Lang) -> Result<Option<By>, Failure> {
    let enacted = state.procedure_at(state.size(), moment).filter(|_| act != ActName::Amend);
    let offices = enacted.and_then(|enacted| enacted.procedure.governance.get(&act)).map(|rule| rule.any.as_slice());
    choose_by(signer, state.all_appointments(), &Governs::of(act, enacted.is_some(), offices), moment, lang)
}

fn assemble(act: ActName, lines: &Lines, lang: Lang) -> Result<String, Failure> {
    let layout = act.layout();
    if let Some(other) = lines.keys().find(|key| !layout.iter().any(|(known, _)| known == key)) {
        let known: Vec<&str> = act.body_layout().iter().map(|(key, _)| *key).collect();
        return Err(Failure::malformed(format!(
            "{other}: {} {}: {}",
            lang.pick("not a line of act", "不是该行为的行："),
            act.as_str(),
            known.join(", ")
        )));
    }
    let missing: Vec<&str> = layout
        .iter()
        .filter(|(key, times)| times.is_required() && *key != "act" && !lines.contains_key(*key))
        .map(|(key, _)| *key)
        .collect();
    if !missing.is_empty() {
        return Err(Failure::malformed(format!(
            "{} {}: {}",
            lang.pick("lines are missing of act", "缺少以下各行："),
            act.as_str(),
            missing.join(", ")
        )));
    }
    let mut text = format!("{STATEMENT_KIND}\n");
    for (key, _) in &layout {
        if *key == "act" {
            text.push_str(&format!("act {}\n", act.as_str()));
        }
        for value in lines.get(*key).into_iter().flatten() {
            text.push_str(&if value.is_empty() { format!("{key}\n") } else { format!("{key} {value}\n") });
        }
    }
    Ok(text)
}
