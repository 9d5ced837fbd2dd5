//! `zeren verify commitment`: that a paper is the one to which a statement commits, for whoever kept paper and salt.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use serde_json::json;
use signer::note::NOTE_BYTES_MAX;
use signer::value::{Commitment, base64, from_base64_array};
use signer::{Note, Statement};

use crate::command::print;
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS};
use crate::files;
use crate::lang::Lang;
use crate::salts::{Salts, commitment};
use crate::screen::within_line;
use crate::secret::asked;
use crate::tables::fields::digest_of;

/// `zeren verify commitment`
#[derive(Args)]
#[command(group(ArgGroup::new("committed").required(true).args(["commitment", "note"])))]
pub struct CommitmentArgs {
    /// The paper: the file, byte for byte, that was committed to
    paper: PathBuf,
    /// The file of salts that was written beside the draft; without it the salt is asked for at the terminal
    #[arg(long, value_name = "FILE")]
    salts: Option<PathBuf>,
    /// Read the salt from this file descriptor instead of the terminal
    #[arg(long, value_name = "N", conflicts_with = "salts")]
    salt_fd: Option<u32>,
    /// The commitment, as the statement has it
    #[arg(long, value_name = "BASE64")]
    commitment: Option<String>,
    /// The statement or note that commits; that it is in the record its receipt proves (`zeren verify receipt`)
    #[arg(long, value_name = "FILE")]
    note: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// What commits, and to what.
struct Committed {
    commitment: Commitment,
    /// The statement's line.
    line: Option<String>,
}

pub(super) fn run(args: &CommitmentArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let paper = digest_of(&args.paper).map_err(Failure::file(&args.paper))?;
    let committed = committed(args, lang)?;
    let (salts, named) = match &args.salts {
        Some(path) => {
            let text = files::read_text(path, files::TEXT_BYTES_MAX)?;
            let wrong = || Failure::malformed(format!("{}: {}", path.display(), lang.pick("no file of salts", "不是盐值文件")));
            let salts = Salts::parse(&text).ok_or_else(wrong)?;
            (salts.all().iter().map(|salted| salted.salt).collect(), salts)
        }
        None => {
            let typed = asked(args.salt_fd, lang.pick("Salt (base64): ", "盐值（base64）："))?;
            let salt = from_base64_array::<32>(&typed);
            let salt = salt.ok_or_else(|| Failure::malformed(lang.pick("a salt is 32 bytes in base64", "盐值为 32 字节的 base64")))?;
            (vec![salt], Salts::default())
        }
    };
    // Computed from the paper that is here; what the file of salts says of it is believed in nothing.
    let opened = salts.iter().map(|salt| commitment(salt, &paper)).find_map(|made| committed.iter().find(|one| one.commitment == made));
    let what = |commitment: &Commitment| named.all().iter().find(|salted| salted.commitment == *commitment);
    let other = named.all().iter().find(|salted| committed.iter().any(|one| one.commitment == salted.commitment));
    if args.json {
        print(
            &json!({
                "verifies": opened.is_some(), "paper": base64(&paper), "commitment": opened.map(|one| one.commitment.to_string()),
                "line": opened.and_then(|one| one.line.as_deref()), "what": opened.and_then(|one| what(&one.commitment)).map(|salted| &salted.what),
                "paper_of_salt": other.filter(|_| opened.is_none()).map(|salted| base64(&salted.paper)),
            })
            .to_string(),
        );
    } else {
        let place = within_line(&args.paper.display().to_string());
        print(&match opened {
            Some(one) => verifies(&place, one, what(&one.commitment).map(|salted| salted.what.as_str()), lang),
            None => {
                let why = match other {
                    Some(salted) => other_paper(&base64(&salted.paper), &base64(&paper), lang),
                    None => lang
                        .pick(
                            "no salt that was given opens any commitment here: another salt, another statement, or a paper that was changed",
                            "所给盐值均不能打开此处的承诺值：盐值不符、声明不符，或材料已被改动",
                        )
                        .to_owned(),
                };
                format!("{}: {place}\n  {why}", lang.pick("DOES NOT VERIFY", "核验不通过"))
            }
        });
    }
    Ok(ExitCode::from(if opened.is_some() { HOLDS } else { DOES_NOT_VERIFY }))
}

/// What is to be opened: the one that was given, or each that stands in a statement.
fn committed(args: &CommitmentArgs, lang: Lang) -> Result<Vec<Committed>, Failure> {
    if let Some(text) = &args.commitment {
        let wrong = || {
            Failure::malformed(format!(
                "--commitment {}: {}",
                text.escape_debug(),
                lang.pick("32 bytes in base64", "应为 32 字节的 base64")
            ))
        };
        return Ok(vec![Committed { commitment: Commitment::parse(text).ok_or_else(wrong)?, line: None }]);
    }
    let Some(path) = &args.note else { return Ok(Vec::new()) };
    let bytes = files::read(path, NOTE_BYTES_MAX as u64)?;
    // A note as it stands in the record, or the text of a statement that nobody has signed yet.
    let text = match Note::parse(&bytes) {
        Ok(note) => note.text,
        Err(refusal) => String::from_utf8(bytes)
            .ok()
            .filter(|text| Statement::parse(text).is_ok())
            .ok_or_else(|| Failure::malformed(format!("{}: {refusal}", path.display())))?,
    };
    let of_line = |line: &str| {
        let commitment = line.split(' ').skip(1).find_map(Commitment::parse)?;
        // The header's hashes are of statements and procedures; none of them is one that a paper opens.
        Some(Committed { commitment, line: Some(line.to_owned()) })
    };
    Ok(text.lines().filter_map(of_line).collect())
}

fn verifies(place: &str, one: &Committed, what: Option<&str>, lang: Lang) -> String {
    let line = one.line.as_deref().unwrap_or_default();
    let what = what.map(within_line).unwrap_or_default();
    let said = [(line, lang.pick("the statement's line", "声明中的行")), (&what, lang.pick("kept as", "存留说明"))];
    let said: String = said.iter().filter(|(text, _)| !text.is_empty()).map(|(text, name)| format!("\n  {name}: {text}")).collect();
    let verdict = match lang {
        Lang::En => format!("VERIFIES: {place} is the paper that {} commits to", one.commitment),
        Lang::Zh => format!("核验通过：{place} 即承诺值 {} 所指材料", one.commitment),
    };
    let rests = lang.pick(
        "That the statement is in the record, and who signed it, its receipt says; what the paper says nobody has verified.",
        "声明是否入账、由谁签署，以其回执为准；材料内容未经核实。",
    );
    format!("{verdict}{said}\n{rests}")
}

fn other_paper(kept: &str, found: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("the salt is of this commitment, but the paper is another, or was changed: SHA-256 was {kept}, is {found}"),
        Lang::Zh => format!("盐值与承诺值相符，但材料不是原件或已被改动：SHA-256 原为 {kept}，现为 {found}"),
    }
}
