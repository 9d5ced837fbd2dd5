//! Statements: strict text in fixed lines (format.md section 3). `encode(parse(text)) == text` for every text that parses.

use sha2::{Digest as _, Sha256};

use crate::act::{Act, ActName, Founding};
use crate::rule::{Refusal, Rule};
use crate::value::{
    ChainHead, Code, DeviceId, LedgerId, Office, PersonId, ProcedureDigest, StatementHash, Time, TreeRoot, Unit, is_procedure_character,
    is_text_character, number,
};

/// First line of every statement.
pub const STATEMENT_KIND: &str = "zeren statement v1";
/// Longest statement, in bytes, but for `act enact` and `act sheet`.
pub const STATEMENT_BYTES_MAX: usize = 2_000;
/// Longest statement of `act enact` and `act sheet`, in bytes.
pub const LONG_BYTES_MAX: usize = 60_000;

/// How often a line of a layout occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Exactly once.
    Once,
    /// Once or not at all.
    Optional,
    /// Zero or more times.
    Any,
    /// Once or more.
    Several,
}

impl Times {
    /// Whether at least one is needed.
    pub const fn is_required(self) -> bool {
        matches!(self, Times::Once | Times::Several)
    }

    /// Whether a second one is too many.
    pub const fn is_single(self) -> bool {
        matches!(self, Times::Once | Times::Optional)
    }
}

/// One line of an act's layout: key and how often it occurs.
pub type LayoutLine = (&'static str, Times);

/// The lines of the header H, but for `ledger` and `act`.
pub const HEADER: &[LayoutLine] =
    &[("procedure", Times::Once), ("by", Times::Several), ("device", Times::Once), ("at", Times::Once), ("seen", Times::Once)];

/// A procedure as statements name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcedureName {
    /// Its id.
    pub id: Code,
    /// Its version.
    pub version: u64,
    /// SHA-256 of its text.
    pub digest: ProcedureDigest,
}

/// Who signs, in which office, by which appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The natural person.
    pub person: PersonId,
    /// The office in which the person acts.
    pub office: Office,
    /// The unit of the office.
    pub unit: Unit,
    /// The statement that gave the office.
    pub appointment: StatementHash,
}

/// The log that the signers had verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree.
    pub root: TreeRoot,
    /// Head of the hash chain.
    pub chain: ChainHead,
}

/// The lines with which every act but the founding begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The procedure under which the signers act, if one is in force.
    pub procedure: Option<ProcedureName>,
    /// The signers.
    pub by: Vec<By>,
    /// The device.
    pub device: DeviceId,
    /// The device's own counter, used once.
    pub counter: u64,
    /// The device's clock.
    pub at: Time,
    /// The checkpoint that the signers had seen.
    pub seen: Seen,
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a ledger has one founding, which is boxed already; every other statement is an act")]
pub enum Statement {
    /// The founding of a ledger.
    Founding(Box<Founding>),
    /// Any later act.
    Act {
        /// The ledger that it is for.
        ledger: LedgerId,
        /// Procedure, signers, device, time, log seen.
        header: Header,
        /// What is done.
        act: Act,
    },
}

/// The hash of a statement's text.
pub fn statement_hash(text: &str) -> StatementHash {
    StatementHash(Sha256::digest(text).into())
}

impl Statement {
    /// Reads a note's text, or says which rule of section 3 it breaks.
    pub fn parse(text: &str) -> Result<Statement, Refusal> {
        let mut lines = split(text)?;
        let first = lines.first().copied().unwrap_or(Line::new(1, ""));
        if text.split('\n').next() != Some(STATEMENT_KIND) {
            let found = text.split('\n').next().unwrap_or_default();
            return Err(Refusal::new(Rule::StatementKind, STATEMENT_KIND, found).at_line(first.number));
        }
        lines.remove(0);
        let named = lines.iter().find(|line| line.key == "act").map(|line| (line.number, line.value, ActName::named(line.value)));
        let longest =
            if matches!(named, Some((_, _, Some(ActName::Enact | ActName::Sheet)))) { LONG_BYTES_MAX } else { STATEMENT_BYTES_MAX };
        if text.len() > longest {
            return Err(Refusal::new(Rule::StatementTooLong, format!("at most {longest} bytes"), text.len().to_string()));
        }
        let act = match named {
            None => return Err(Refusal::new(Rule::LineMissing, "an `act` line", "none")),
            Some((number, found, None)) => return Err(Refusal::new(Rule::ActUnknown, "an act of format.md", found).at_line(number)),
            Some((_, _, Some(act))) => act,
        };
        judge_layout(&lines, act)?;
        let mut values = Values { lines, next: 0 };
        let statement = read_values(&mut values, act)?;
        debug_assert!(values.next == values.lines.len());
        Ok(statement)
    }

    /// The text.
    pub fn encode(&self) -> String {
        let mut out = Writer(format!("{STATEMENT_KIND}\n"));
        match self {
            Statement::Founding(founding) => founding.write(&mut out),
            Statement::Act { ledger, header, act } => {
                out.line("ledger", ledger);
                out.line("act", act.name().as_str());
                header.write(&mut out);
                act.write(&mut out);
            }
        }
        out.0
    }

    /// The act's name.
    pub fn act_name(&self) -> ActName {
        match self {
            Statement::Founding(_) => ActName::Found,
            Statement::Act { act, .. } => act.name(),
        }
    }

    /// The persons who sign, in order.
    pub fn signers(&self) -> Vec<&PersonId> {
        match self {
            Statement::Founding(founding) => founding.founders.iter().map(|founder| &founder.person).collect(),
            Statement::Act { header, .. } => header.by.iter().map(|by| &by.person).collect(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    number: usize,
    key: &'a str,
    value: &'a str,
    has_space: bool,
}

fn split(text: &str) -> Result<Vec<Line<'_>>, Refusal> {
    let body = text.strip_suffix('\n').ok_or_else(|| Refusal::new(Rule::NoteShape, "a line break at the end of the text", "none"))?;
    Ok(body.split('\n').enumerate().map(|(at, line)| Line::new(at + 1, line)).collect())
}

impl<'a> Line<'a> {
    fn new(number: usize, line: &'a str) -> Line<'a> {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        Line { number, key, value, has_space: key.len() < line.len() }
    }
}

fn layout_position(layout: &[LayoutLine], key: &str) -> Option<usize> {
    layout.iter().position(|(name, _)| *name == key)
}

/// Steps 4 to 7 of section 3.
fn judge_layout(lines: &[Line<'_>], act: ActName) -> Result<(), Refusal> {
    let layout = act.layout();
    let mut positions = Vec::with_capacity(lines.len());
    for line in lines {
        match layout_position(&layout, line.key) {
            Some(position) => positions.push(position),
            None => return Err(Refusal::new(Rule::LineUnknown, format!("a line of act {}", act.as_str()), line.key).at_line(line.number)),
        }
    }
    let mut seen = vec![false; layout.len()];
    for (line, position) in lines.iter().zip(&positions) {
        if seen[*position] && layout[*position].1.is_single() {
            return Err(Refusal::new(Rule::LineRepeated, "this line once", line.key).at_line(line.number));
        }
        seen[*position] = true;
    }
    if let Some(missing) = seen.iter().zip(&layout).find(|(seen, (_, times))| !**seen && times.is_required()) {
        return Err(Refusal::new(Rule::LineMissing, format!("a `{}` line", missing.1.0), "none"));
    }
    match positions.windows(2).position(|pair| pair[0] > pair[1]) {
        None => Ok(()),
        Some(at) => {
            let order: Vec<&str> = layout.iter().map(|(key, _)| *key).collect();
            Err(Refusal::new(Rule::LineOrder, order.join(", "), lines[at + 1].key).at_line(lines[at + 1].number))
        }
    }
}

fn read_values(values: &mut Values<'_>, act: ActName) -> Result<Statement, Refusal> {
    if act == ActName::Found {
        return Ok(Statement::Founding(Box::new(Founding::read(values)?)));
    }
    let ledger = values.one("a ledger id", LedgerId::parse)?;
    values.one("the act", ActName::named)?;
    let header = Header::read(values)?;
    let act = Act::read(act, values)?;
    Ok(Statement::Act { ledger, header, act })
}

impl Header {
    fn read(values: &mut Values<'_>) -> Result<Header, Refusal> {
        let procedure = values.one("none, or id, version and digest", |value| match value {
            "none" => Some(None),
            _ => procedure_name(value).map(Some),
        })?;
        let by = values.many("by", "person, office, unit and appointment", |value| {
            let [person, office, unit, appointment] = parts(value)?;
            Some(By {
                person: PersonId::parse(person)?,
                office: Office::parse(office)?,
                unit: Unit::parse(unit)?,
                appointment: StatementHash::parse(appointment)?,
            })
        })?;
        let (device, counter) = values.one("device and counter", |value| {
            let [device, counter] = parts(value)?;
            Some((DeviceId::parse(device)?, number(counter)?))
        })?;
        let at = values.one("a time such as 2013-03-11T09:14:05+08:00", Time::parse)?;
        let seen = values.one("size, root and chain head", |value| {
            let [size, root, chain] = parts(value)?;
            let size = number(size).filter(|size| *size > 0)?;
            Some(Seen { size, root: TreeRoot::parse(root)?, chain: ChainHead::parse(chain)? })
        })?;
        Ok(Header { procedure, by, device, counter, at, seen })
    }

    fn write(&self, out: &mut Writer) {
        match &self.procedure {
            None => out.line("procedure", "none"),
            Some(name) => out.line("procedure", format_args!("{} {} {}", name.id, name.version, name.digest)),
        }
        for by in &self.by {
            out.line("by", format_args!("{} {} {} {}", by.person, by.office, by.unit, by.appointment));
        }
        out.line("device", format_args!("{} {}", self.device, self.counter));
        out.line("at", self.at);
        out.line("seen", format_args!("{} {} {}", self.seen.size, self.seen.root, self.seen.chain));
    }
}

/// Id, version and digest.
pub(crate) fn procedure_name(value: &str) -> Option<ProcedureName> {
    let [id, version, digest] = parts(value)?;
    Some(ProcedureName { id: Code::parse(id)?, version: number(version)?, digest: ProcedureDigest::parse(digest)? })
}

/// Exactly `N` parts with one space between.
pub(crate) fn parts<const N: usize>(value: &str) -> Option<[&str; N]> {
    let mut found = [""; N];
    let mut rest = value.split(' ');
    for part in &mut found {
        *part = rest.next()?;
    }
    rest.next().is_none().then_some(found)
}

/// The lines' values, in order, the layout being judged already.
pub(crate) struct Values<'a> {
    lines: Vec<Line<'a>>,
    next: usize,
}

impl<'a> Values<'a> {
    /// The next line's value, in ASCII.
    pub(crate) fn one<T>(&mut self, expected: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Refusal> {
        self.take(expected, |c| (' '..='~').contains(&c), read)
    }

    /// The next line's value, part of which is free text.
    pub(crate) fn text<T>(&mut self, expected: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Refusal> {
        self.take(expected, is_text_character, read)
    }

    /// The value of the next line if it has this key, in ASCII.
    pub(crate) fn maybe<T>(&mut self, key: &str, expected: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<Option<T>, Refusal> {
        let is_there = self.lines.get(self.next).is_some_and(|line| line.key == key);
        if is_there { self.one(expected, read).map(Some) } else { Ok(None) }
    }

    /// Values of all following lines of this key, in ASCII.
    pub(crate) fn many<T>(&mut self, key: &str, expected: &str, read: impl Fn(&'a str) -> Option<T>) -> Result<Vec<T>, Refusal> {
        self.repeat(key, |values| values.one(expected, &read))
    }

    /// The same for values of which a part is free text.
    pub(crate) fn many_texts<T>(&mut self, key: &str, expected: &str, read: impl Fn(&'a str) -> Option<T>) -> Result<Vec<T>, Refusal> {
        self.repeat(key, |values| values.text(expected, &read))
    }

    /// The lines of a procedure, each ended by `\n`.
    pub(crate) fn procedure_text(&mut self) -> Result<String, Refusal> {
        let mut text = String::new();
        while let Some(line) = self.lines.get(self.next).filter(|line| line.key == "|") {
            // `| ` with nothing after it would be a second spelling of `|`.
            let bare = line.value.is_empty() && line.has_space;
            let line = self.take("`| ` and a line of the procedure, or `|`", is_procedure_character, |value| (!bare).then_some(value))?;
            text.push_str(line);
            text.push('\n');
        }
        Ok(text)
    }

    fn repeat<T>(&mut self, key: &str, mut one: impl FnMut(&mut Self) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
        let mut all = Vec::new();
        while self.lines.get(self.next).is_some_and(|line| line.key == key) {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn take<T>(&mut self, expected: &str, allowed: fn(char) -> bool, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Refusal> {
        let line = self.lines.get(self.next).copied().unwrap_or(Line::new(0, ""));
        if let Some(found) = line.value.chars().find(|c| !allowed(*c)) {
            let found = format!("U+{:04X}", u32::from(found));
            return Err(Refusal::new(Rule::Character, "a character that this line may hold", found).at_line(line.number));
        }
        self.next += 1;
        read(line.value).ok_or_else(|| Refusal::new(Rule::Value, expected, format!("{} {}", line.key, line.value)).at_line(line.number))
    }
}

/// Writes lines.
pub(crate) struct Writer(String);

impl Writer {
    pub(crate) fn line(&mut self, key: &str, value: impl core::fmt::Display) {
        use core::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{key} {value}");
    }

    pub(crate) fn procedure_text(&mut self, text: &str) {
        for line in text.split_terminator('\n') {
            self.0.push_str(if line.is_empty() { "|" } else { "| " });
            self.0.push_str(line);
            self.0.push('\n');
        }
    }
}
