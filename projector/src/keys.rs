//! Keys of rows, coded by hand: rows that are read together lie together.

use std::fmt;

/// Longest key, in bytes: the longest is two free texts of 120 characters, four bytes each, with a word.
pub const KEY_BYTES_MAX: usize = 1_024;

/// What names a row. Numbers are big-endian, so that rows lie in order of entries; parts of text end in a zero byte, which no
/// value of the format may hold, so that no id is mistaken for the beginning of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The ledger's own facts: [`LedgerRow`](crate::rows::LedgerRow).
    Ledger,
    /// An entry: [`EntryRow`](crate::rows::EntryRow).
    Entry(u64),
    /// The founding or an amendment: [`ConstitutionRow`](crate::rows::ConstitutionRow).
    Constitution(u64),
    /// An enactment: [`EnactmentRow`](crate::rows::EnactmentRow).
    Enactment(u64),
    /// A cosigned entry: [`CosignedRow`](crate::rows::CosignedRow).
    Cosigned(u64),
    /// A case: [`CaseRow`](crate::rows::CaseRow).
    Case(String),
    /// An entry that acts on a case: [`CaseEntryRow`](crate::rows::CaseEntryRow).
    CaseEntry(String, u64),
    /// A person: [`PersonRow`](crate::rows::PersonRow).
    Person(String),
    /// An act that a person signed: [`PersonActRow`](crate::rows::PersonActRow).
    PersonAct(String, u64),
    /// A key of a person, by the entry that made it known: [`KeyRow`](crate::rows::KeyRow).
    PersonKey(String, u64),
    /// An office of a person, by the entry that gave it, and its name: [`OfficeRow`](crate::rows::OfficeRow).
    PersonOffice(String, u64, String),
    /// The entry that made a public key known: [`Row::Number`](crate::rows::Row::Number).
    PublicKey([u8; 32]),
    /// A statement that gave offices, by its hash: [`GrantRow`](crate::rows::GrantRow).
    Grant([u8; 32]),
    /// The entry that enrolled a device: [`Row::Number`](crate::rows::Row::Number).
    Device(String),
    /// A rule that only warns and that an entry broke, by its number: [`WarningRow`](crate::rows::WarningRow).
    Warning(u64, u64),
    /// Records of a legacy actor: [`Row::Number`](crate::rows::Row::Number).
    Actor(String),
    /// Records of a legacy actor with an activity: [`Row::Number`](crate::rows::Row::Number).
    ActorActivity(String, String),
    /// Records with a legacy activity: [`Row::Number`](crate::rows::Row::Number).
    Activity(String),
    /// Records with a legacy group: [`Row::Number`](crate::rows::Row::Number).
    Group(String),
    /// A flag on a case, by its number: [`FlagRow`](crate::rows::FlagRow).
    CaseFlag(String, u64),
    /// Where the flag of a statement lies: [`FlagAtRow`](crate::rows::FlagAtRow).
    Flag([u8; 32]),
    /// The entry of a statement that others may name: [`Row::Number`](crate::rows::Row::Number).
    Statement([u8; 32]),
    /// A list: [`ListRow`](crate::rows::ListRow).
    List(String),
    /// Lines of a list, in order of its rows: [`ListLinesRow`](crate::rows::ListLinesRow).
    ListLines(String, u64),
    /// A list and a case: the entry that dropped the case from it: [`Row::Number`](crate::rows::Row::Number).
    ListDropped(String, String),
    /// A batch: [`BatchRow`](crate::rows::BatchRow).
    Batch(String),
    /// Cases of a batch, in order of its rows: [`BatchCasesRow`](crate::rows::BatchCasesRow).
    BatchCases(String, u64),
    /// A step that waited for signers: [`WaitingRow`](crate::rows::WaitingRow).
    Waiting([u8; 32]),
    /// What a procedure, by its digest, says of a step: [`StepRow`](crate::rows::StepRow).
    Step([u8; 32], String),
    /// What a procedure, by its digest, says of an outcome: [`OutcomeRow`](crate::rows::OutcomeRow).
    Outcome([u8; 32], String),
    /// What a procedure, by its digest, says besides: [`ProcedureRow`](crate::rows::ProcedureRow).
    Procedure([u8; 32]),
    /// Who did what: [`TallyRow`](crate::rows::TallyRow).
    Responsibility(Box<Responsibility>),
    /// Office, unit, and the month by year and number: [`TallyRow`](crate::rows::TallyRow).
    Workload(String, String, u16, u8),
    /// Unit, period and step: cases that have it: [`Row::Number`](crate::rows::Row::Number).
    Funnel(String, u16, String),
    /// Unit, period and status: cases that stand so: [`Row::Number`](crate::rows::Row::Number).
    Standing(String, u16, String),
    /// Scheme and period: [`MoneyRow`](crate::rows::MoneyRow).
    Money(String, u16),
    /// Step and period: [`DeadlineRow`](crate::rows::DeadlineRow).
    Deadline(String, u16),
    /// What is answered, and the year of the answer: [`DeadlineRow`](crate::rows::DeadlineRow).
    AnswerTerm(String, u16),
    /// A list and the step for which it is posted: [`PostingRow`](crate::rows::PostingRow).
    Posting(String, String),
    /// A flag or report, by its entry: [`RaisedRow`](crate::rows::RaisedRow).
    Raised(u64),
    /// Flags and reports of one kind: [`RaisedCountRow`](crate::rows::RaisedCountRow).
    RaisedCount(String),
}

/// What a person did: in which office, on which step or `-`, with which outcome
/// ([`Deed::step_and_outcome`](crate::rows::Deed::step_and_outcome)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the fields are what the sentence above names")]
pub struct Responsibility {
    pub person: String,
    pub office: String,
    pub step: String,
    pub outcome: String,
}

/// The beginning that keys of one kind share, for reading many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Vec<u8>);

impl Prefix {
    /// Entries.
    pub fn entries() -> Prefix {
        Prefix(word("entry"))
    }

    /// The founding and its amendments.
    pub fn constitutions() -> Prefix {
        Prefix(word("constitution"))
    }

    /// Enactments.
    pub fn enactments() -> Prefix {
        Prefix(word("enactment"))
    }

    /// Cosigned entries.
    pub fn cosigned() -> Prefix {
        Prefix(word("cosigned"))
    }

    /// Cases.
    pub fn cases() -> Prefix {
        Prefix(word("case"))
    }

    /// Entries that act on a case.
    pub fn case_entries(case: &str) -> Prefix {
        Prefix(part(word("case-entry"), case))
    }

    /// Persons.
    pub fn persons() -> Prefix {
        Prefix(word("person"))
    }

    /// Acts that a person signed.
    pub fn person_acts(person: &str) -> Prefix {
        Prefix(part(word("person-act"), person))
    }

    /// Keys of a person.
    pub fn person_keys(person: &str) -> Prefix {
        Prefix(part(word("person-key"), person))
    }

    /// Offices of a person.
    pub fn person_offices(person: &str) -> Prefix {
        Prefix(part(word("person-office"), person))
    }

    /// Legacy actors.
    pub fn actors() -> Prefix {
        Prefix(word("actor"))
    }

    /// Activities of all legacy actors.
    pub fn actor_activities() -> Prefix {
        Prefix(word("actor-activity"))
    }

    /// Legacy activities.
    pub fn activities() -> Prefix {
        Prefix(word("activity"))
    }

    /// Legacy groups.
    pub fn groups() -> Prefix {
        Prefix(word("group"))
    }

    /// Flags on a case.
    pub fn case_flags(case: &str) -> Prefix {
        Prefix(part(word("case-flag"), case))
    }

    /// Lists.
    pub fn lists() -> Prefix {
        Prefix(word("list"))
    }

    /// Batches.
    pub fn batches() -> Prefix {
        Prefix(word("batch"))
    }

    /// Lines of a list.
    pub fn list_lines(list: &str) -> Prefix {
        Prefix(part(word("list-lines"), list))
    }

    /// What procedures say of their steps.
    pub fn steps(procedure: &[u8; 32]) -> Prefix {
        Prefix(hashed("step", procedure))
    }

    /// Who did what how often.
    pub fn responsibilities() -> Prefix {
        Prefix(word("responsibility"))
    }

    /// What one person did how often.
    pub fn responsibilities_of(person: &str) -> Prefix {
        Prefix(part(word("responsibility"), person))
    }

    /// What offices did in which month.
    pub fn workload() -> Prefix {
        Prefix(word("workload"))
    }

    /// How many cases have which step.
    pub fn funnel() -> Prefix {
        Prefix(word("funnel"))
    }

    /// How many cases stand how.
    pub fn standing() -> Prefix {
        Prefix(word("standing"))
    }

    /// Payments by scheme and period.
    pub fn money() -> Prefix {
        Prefix(word("money"))
    }

    /// What was done by its date.
    pub fn deadlines() -> Prefix {
        Prefix(word("deadline"))
    }

    /// What was answered in time.
    pub fn answer_terms() -> Prefix {
        Prefix(word("answer-term"))
    }

    /// Postings.
    pub fn postings() -> Prefix {
        Prefix(word("posting"))
    }

    /// Flags and reports.
    pub fn raised() -> Prefix {
        Prefix(word("raised"))
    }

    /// How many flags and reports of each kind there are.
    pub fn raised_counts() -> Prefix {
        Prefix(word("raised-count"))
    }

    /// Everything.
    pub fn all() -> Prefix {
        Prefix(Vec::new())
    }

    /// The bytes with which the keys begin.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn word(word: &str) -> Vec<u8> {
    part(Vec::new(), word)
}

fn part(mut bytes: Vec<u8>, text: &str) -> Vec<u8> {
    bytes.extend(text.as_bytes());
    bytes.push(0);
    bytes
}

fn index(mut bytes: Vec<u8>, n: u64) -> Vec<u8> {
    bytes.extend(n.to_be_bytes());
    bytes
}

fn number(mut bytes: Vec<u8>, n: u16) -> Vec<u8> {
    bytes.extend(n.to_be_bytes());
    bytes
}

fn hashed(kind: &str, hash: &[u8; 32]) -> Vec<u8> {
    [word(kind), hash.to_vec()].concat()
}

impl Key {
    /// The bytes under which the row is kept.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Key::Ledger => word("ledger"),
            Key::Entry(n) => index(word("entry"), *n),
            Key::Constitution(n) => index(word("constitution"), *n),
            Key::Enactment(n) => index(word("enactment"), *n),
            Key::Cosigned(n) => index(word("cosigned"), *n),
            Key::Case(case) => part(word("case"), case),
            Key::CaseEntry(case, n) => index(part(word("case-entry"), case), *n),
            Key::Person(person) => part(word("person"), person),
            Key::PersonAct(person, n) => index(part(word("person-act"), person), *n),
            Key::PersonKey(person, n) => index(part(word("person-key"), person), *n),
            Key::PersonOffice(person, n, office) => part(index(part(word("person-office"), person), *n), office),
            Key::PublicKey(key) => hashed("public-key", key),
            Key::Grant(hash) => hashed("grant", hash),
            Key::Device(device) => part(word("device"), device),
            Key::Warning(n, number) => index(index(word("warning"), *n), *number),
            Key::Actor(actor) => part(word("actor"), actor),
            Key::ActorActivity(actor, activity) => part(part(word("actor-activity"), actor), activity),
            Key::Activity(activity) => part(word("activity"), activity),
            Key::Group(group) => part(word("group"), group),
            Key::CaseFlag(case, n) => index(part(word("case-flag"), case), *n),
            Key::Flag(hash) => hashed("flag", hash),
            Key::Statement(hash) => hashed("statement", hash),
            Key::List(list) => part(word("list"), list),
            Key::ListLines(list, n) => index(part(word("list-lines"), list), *n),
            Key::ListDropped(list, case) => part(part(word("list-dropped"), list), case),
            Key::Batch(batch) => part(word("batch"), batch),
            Key::BatchCases(batch, n) => index(part(word("batch-cases"), batch), *n),
            Key::Waiting(hash) => hashed("waiting", hash),
            Key::Step(digest, step) => part(hashed("step", digest), step),
            Key::Outcome(digest, outcome) => part(hashed("outcome", digest), outcome),
            Key::Procedure(digest) => hashed("procedure", digest),
            Key::Responsibility(of) => {
                let Responsibility { person, office, step, outcome } = of.as_ref();
                [person, office, step, outcome].into_iter().fold(word("responsibility"), |bytes, text| part(bytes, text))
            }
            Key::Workload(office, unit, year, month) => {
                let mut bytes = number(part(part(word("workload"), office), unit), *year);
                bytes.push(*month);
                bytes
            }
            Key::Funnel(unit, period, step) => part(number(part(word("funnel"), unit), *period), step),
            Key::Standing(unit, period, status) => part(number(part(word("standing"), unit), *period), status),
            Key::Money(scheme, period) => number(part(word("money"), scheme), *period),
            Key::Deadline(step, period) => number(part(word("deadline"), step), *period),
            Key::AnswerTerm(kind, year) => number(part(word("answer-term"), kind), *year),
            Key::Posting(list, step) => part(part(word("posting"), list), step),
            Key::Raised(n) => index(word("raised"), *n),
            Key::RaisedCount(kind) => part(word("raised-count"), kind),
        }
    }

    /// The key of these bytes, or nothing if they are no key's.
    pub fn decode(bytes: &[u8]) -> Option<Key> {
        let mut rest = bytes;
        let key = match take_text(&mut rest)?.as_str() {
            "ledger" => Key::Ledger,
            "entry" => Key::Entry(take_index(&mut rest)?),
            "constitution" => Key::Constitution(take_index(&mut rest)?),
            "enactment" => Key::Enactment(take_index(&mut rest)?),
            "cosigned" => Key::Cosigned(take_index(&mut rest)?),
            "case" => Key::Case(take_text(&mut rest)?),
            "case-entry" => Key::CaseEntry(take_text(&mut rest)?, take_index(&mut rest)?),
            "person" => Key::Person(take_text(&mut rest)?),
            "person-act" => Key::PersonAct(take_text(&mut rest)?, take_index(&mut rest)?),
            "person-key" => Key::PersonKey(take_text(&mut rest)?, take_index(&mut rest)?),
            "person-office" => Key::PersonOffice(take_text(&mut rest)?, take_index(&mut rest)?, take_text(&mut rest)?),
            "public-key" => Key::PublicKey(take_array(&mut rest)?),
            "grant" => Key::Grant(take_array(&mut rest)?),
            "device" => Key::Device(take_text(&mut rest)?),
            "warning" => Key::Warning(take_index(&mut rest)?, take_index(&mut rest)?),
            "actor" => Key::Actor(take_text(&mut rest)?),
            "actor-activity" => Key::ActorActivity(take_text(&mut rest)?, take_text(&mut rest)?),
            "activity" => Key::Activity(take_text(&mut rest)?),
            "group" => Key::Group(take_text(&mut rest)?),
            "case-flag" => Key::CaseFlag(take_text(&mut rest)?, take_index(&mut rest)?),
            "flag" => Key::Flag(take_array(&mut rest)?),
            "statement" => Key::Statement(take_array(&mut rest)?),
            "list" => Key::List(take_text(&mut rest)?),
            "list-lines" => Key::ListLines(take_text(&mut rest)?, take_index(&mut rest)?),
            "list-dropped" => Key::ListDropped(take_text(&mut rest)?, take_text(&mut rest)?),
            "batch" => Key::Batch(take_text(&mut rest)?),
            "batch-cases" => Key::BatchCases(take_text(&mut rest)?, take_index(&mut rest)?),
            "waiting" => Key::Waiting(take_array(&mut rest)?),
            "step" => Key::Step(take_array(&mut rest)?, take_text(&mut rest)?),
            "outcome" => Key::Outcome(take_array(&mut rest)?, take_text(&mut rest)?),
            "procedure" => Key::Procedure(take_array(&mut rest)?),
            "responsibility" => {
                let (person, office) = (take_text(&mut rest)?, take_text(&mut rest)?);
                let (step, outcome) = (take_text(&mut rest)?, take_text(&mut rest)?);
                Key::Responsibility(Box::new(Responsibility { person, office, step, outcome }))
            }
            "workload" => {
                let (office, unit, year) = (take_text(&mut rest)?, take_text(&mut rest)?, take_number(&mut rest)?);
                let [month] = take_array(&mut rest)?;
                Key::Workload(office, unit, year, month)
            }
            "funnel" => Key::Funnel(take_text(&mut rest)?, take_number(&mut rest)?, take_text(&mut rest)?),
            "standing" => Key::Standing(take_text(&mut rest)?, take_number(&mut rest)?, take_text(&mut rest)?),
            "money" => Key::Money(take_text(&mut rest)?, take_number(&mut rest)?),
            "deadline" => Key::Deadline(take_text(&mut rest)?, take_number(&mut rest)?),
            "answer-term" => Key::AnswerTerm(take_text(&mut rest)?, take_number(&mut rest)?),
            "posting" => Key::Posting(take_text(&mut rest)?, take_text(&mut rest)?),
            "raised" => Key::Raised(take_index(&mut rest)?),
            "raised-count" => Key::RaisedCount(take_text(&mut rest)?),
            _ => return None,
        };
        rest.is_empty().then_some(key)
    }
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let end = rest.iter().position(|b| *b == 0)?;
    let text = core::str::from_utf8(&rest[..end]).ok()?.to_owned();
    *rest = &rest[end + 1..];
    Some(text)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*array)
}

fn take_index(rest: &mut &[u8]) -> Option<u64> {
    take_array(rest).map(u64::from_be_bytes)
}

fn take_number(rest: &mut &[u8]) -> Option<u16> {
    take_array(rest).map(u16::from_be_bytes)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_were_written_and_no_prefix_takes_another_kind() {
        let keys = [
            Key::Ledger,
            Key::Entry(0),
            Key::Entry(u64::MAX),
            Key::Constitution(3),
            Key::Enactment(4),
            Key::Cosigned(5),
            Key::Case("a".into()),
            Key::Case("a.b".into()),
            Key::CaseEntry("a".into(), 7),
            Key::Person("p".into()),
            Key::PersonAct("p".into(), 1),
            Key::PersonKey("p".into(), 256),
            Key::PersonOffice("p".into(), 1, "clerk".into()),
            Key::PublicKey([0; 32]),
            Key::Grant([255; 32]),
            Key::Device("d-1".into()),
            Key::Warning(256, 1),
            Key::Actor("甲/乙".into()),
            Key::ActorActivity("甲".into(), "复核 check".into()),
            Key::Activity("-".into()),
            Key::Group("-".into()),
            Key::CaseFlag("a".into(), 2),
            Key::Flag([7; 32]),
            Key::Statement([0; 32]),
            Key::List("l-1".into()),
            Key::ListLines("l-1".into(), 3),
            Key::ListDropped("l-1".into(), "a".into()),
            Key::Batch("b-1".into()),
            Key::BatchCases("b-1".into(), 0),
            Key::Waiting([1; 32]),
            Key::Step([0; 32], "visit".into()),
            Key::Outcome([255; 32], "exit".into()),
            Key::Procedure([3; 32]),
            Key::Responsibility(Box::new(Responsibility {
                person: "p".into(),
                office: "clerk".into(),
                step: "visit".into(),
                outcome: "done".into(),
            })),
            Key::Workload("clerk".into(), "07".into(), 2013, 12),
            Key::Funnel("07-01".into(), 2013, "visit".into()),
            Key::Standing("07-01".into(), 256, "open".into()),
            Key::Money("SCH-A".into(), 2013),
            Key::Deadline("visit".into(), 2013),
            Key::AnswerTerm("report".into(), 0),
            Key::Posting("l-1".into(), "post-1".into()),
            Key::Raised(256),
            Key::RaisedCount("hold".into()),
        ];
        for key in &keys {
            let bytes = key.encode();
            assert_eq!(Key::decode(&bytes).as_ref(), Some(key));
            assert_eq!(Key::decode(&bytes[..bytes.len() - 1]), None, "{key}");
            assert_eq!(Key::decode(&[&bytes[..], &[0]].concat()), None, "{key}");
        }
        let begun = |prefix: Prefix| keys.iter().filter(|key| key.encode().starts_with(prefix.bytes())).count();
        assert_eq!(begun(Prefix::cases()), 2);
        assert_eq!(begun(Prefix::case_entries("a")), 1);
        assert_eq!(begun(Prefix::persons()), 1);
        assert_eq!(begun(Prefix::actors()), 1);
        assert_eq!(begun(Prefix::entries()), 2);
        assert_eq!(begun(Prefix::responsibilities_of("p")), 1);
        assert_eq!(begun(Prefix::raised()), 1);
    }

    #[test]
    fn entries_lie_in_order_of_their_numbers() {
        let mut keys: Vec<Vec<u8>> = [0, 255, 256, 65_536, 1].into_iter().map(|n| Key::Entry(n).encode()).collect();
        keys.sort();
        let numbers: Vec<_> = keys.iter().map(|key| Key::decode(key)).collect();
        assert_eq!(numbers, [0, 1, 255, 256, 65_536].map(|n| Some(Key::Entry(n))));
    }
}
