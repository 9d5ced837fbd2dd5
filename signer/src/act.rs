//! The acts: what each statement's lines say (format.md section 5). Adding one: its name, its layout, its lines.

use crate::rule::Refusal;
use crate::statement::{HEADER, LayoutLine, ProcedureName, Times, Values, Writer, parts, procedure_name};
use crate::strict::Signature;
use crate::value::{
    CaseId, Code, Commitment, DeviceId, IdentityToken, KeyBytes, Office, PersonId, Power, StatementHash, Text, Time, Unit, base64,
    from_base64_array,
};

use Times::{Once, Several};

macro_rules! word_type {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            #[allow(dead_code, reason = "where the word is not a line's only value, the line says what is expected")]
            const EXPECTED: &'static str = concat!("one of" $(, " ", $word)*);

            /// The word of that spelling.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some($name::$variant),)* _ => None }
            }

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

mod founding;
mod import;
mod incident;
mod programme;
mod sheet;
#[cfg(test)]
mod tests;

pub use self::founding::{Constitution, Founder, Founding, Purpose, Witness};
pub use self::import::Import;
pub use self::incident::{Incident, IncidentKind};
pub use self::programme::{
    About, Account, Answer, AnswerOutcome, Appeal, Area, Assertion, BatchRef, CaseAt, Clause, Correct, Dissent, Hold, ListRef, Member,
    Objection, Opening, Outcome, Override, PostDown, PostUp, Recuse, Release, Report, ReportAbout, Ruling, Step, Team, Transfer,
    report_token,
};
pub use self::sheet::{CaseLine, PaymentLine, ResultLine, SeatLine, Sheet, SheetKind, SheetLines, Vote};

macro_rules! act_names {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)*) => {
        /// Names of the acts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ActName { $($(#[$doc])* $variant,)* }

        impl ActName {
            /// All of them, in the order of format.md.
            pub const ALL: &'static [ActName] = &[$(ActName::$variant,)*];

            /// The name on the `act` line.
            pub const fn as_str(self) -> &'static str {
                match self { $(ActName::$variant => $name,)* }
            }

            /// The act of that name.
            pub fn named(name: &str) -> Option<ActName> {
                match name { $($name => Some(ActName::$variant),)* _ => None }
            }
        }
    };
}

act_names! {
    /// Founding of a ledger.
    Found "found";
    /// Amendment of the founding.
    Amend "amend";
    /// Enactment of a procedure.
    Enact "enact";
    /// Enrolment of a person.
    Enrol "enrol";
    /// Enrolment of a device.
    Device "device";
    /// A device out of use.
    DeviceEnd "device-end";
    /// Appointment to an office.
    Appoint "appoint";
    /// End of an appointment.
    AppointEnd "appoint-end";
    /// A person's change of the own key.
    Rotate "rotate";
    /// A new key for a person whose key was revoked.
    Rekey "rekey";
    /// Revocation of a key.
    Revoke "revoke";
    /// Relation of a person to a case or another person.
    Relate "relate";
    /// A qualification or training.
    Qualify "qualify";
    /// Transcription of a legacy record.
    Import "import";
    /// A step of the procedure, done.
    Step "step";
    /// A signature on a step that waits.
    Join "join";
    /// Lines of a list.
    Sheet "sheet";
    /// A list goes up.
    PostUp "post-up";
    /// A list comes down.
    PostDown "post-down";
    /// An outcome of a case.
    Outcome "outcome";
    /// A mistaken step taken back.
    Correct "correct";
    /// A case moves to another unit.
    Transfer "transfer";
    /// Another account.
    Account "account";
    /// Somebody objects.
    Objection "objection";
    /// A participant disagrees.
    Dissent "dissent";
    /// A report from the public.
    Report "report";
    /// An appeal against an outcome.
    Appeal "appeal";
    /// An answer to these.
    Answer "answer";
    /// Somebody steps aside.
    Recuse "recuse";
    /// A payment is held.
    Hold "hold";
    /// A hold is released.
    Release "release";
    /// A rule is overridden.
    Override "override";
    /// A ruling on a clause.
    Ruling "ruling";
    /// A team and its areas.
    Team "team";
    /// Something was wrong with a copy of the ledger.
    Incident "incident";
}

const NEW_KEY: &[LayoutLine] = &[("person", Once), ("replaces", Once), ("key", Once), ("proof", Once)];

impl ActName {
    /// The act's lines after the first, in order.
    pub fn layout(self) -> Vec<LayoutLine> {
        let mut layout = vec![("ledger", Once), ("act", Once)];
        if self == ActName::Found {
            layout.extend([("nonce", Once), ("purpose", Once), ("at", Once), ("device", Once), ("identity", Once)]);
        } else {
            layout.extend_from_slice(HEADER);
        }
        layout.extend_from_slice(self.body_layout());
        layout
    }

    /// The lines that follow the header.
    pub const fn body_layout(self) -> &'static [LayoutLine] {
        match self {
            ActName::Found | ActName::Amend => founding::CONSTITUTION,
            ActName::Enact => &[("enacts", Once), ("|", Several)],
            ActName::Enrol => &[("person", Once), ("name", Once), ("identity", Once), ("key", Once), ("proof", Once)],
            ActName::Device => &[("enrols", Once), ("unit", Once)],
            ActName::DeviceEnd => &[("ends", Once), ("reason", Once)],
            ActName::Appoint => &[
                ("person", Once),
                ("office", Once),
                ("unit", Once),
                ("capacity", Once),
                ("home", Once),
                ("from", Once),
                ("to", Once),
                ("instrument", Once),
            ],
            ActName::AppointEnd => &[("person", Once), ("appointment", Once), ("reason", Once)],
            ActName::Rotate | ActName::Rekey => NEW_KEY,
            ActName::Revoke => &[("person", Once), ("key", Once), ("reason", Once), ("suspected", Once)],
            ActName::Relate => &[("person", Once), ("relation", Once), ("to", Once), ("basis", Once), ("evidence", Once)],
            ActName::Qualify => &[("person", Once), ("qualification", Once), ("from", Once), ("to", Once), ("evidence", Once)],
            ActName::Import => &[
                ("case", Once),
                ("source", Once),
                ("recorded", Once),
                ("activity", Once),
                ("actor", Once),
                ("group", Once),
                ("lifecycle", Once),
            ],
            ActName::Join => &[("joins", Once)],
            ActName::Sheet => sheet::LAYOUT,
            ActName::Incident => incident::LAYOUT,
            _ => programme::layout(self),
        }
    }
}

word_type! {
    /// In which capacity an office is held.
    Capacity {
        /// In one's own post.
        Regular "regular",
        /// For the post's holder, 代理.
        Acting "acting",
        /// By delegation, 授权.
        Delegated "delegated",
    }
    /// Why an appointment ends.
    EndReason {
        /// To another post.
        Transferred "transferred",
        /// Retirement.
        Retired "retired",
        /// Resignation.
        Resigned "resigned",
        /// End of term.
        Expired "expired",
        /// Death.
        Died "died",
        /// Dismissal: cuts at once.
        Dismissed "dismissed",
        /// Any other.
        Other "other",
    }
    /// Why a device is taken out of use.
    DeviceReason {
        /// Worn out or replaced.
        Retired "retired",
        /// Lost: cuts at once.
        Lost "lost",
        /// Stolen: cuts at once.
        Stolen "stolen",
        /// Any other.
        Other "other",
    }
    /// Why a key is revoked. Every revocation cuts at once.
    RevokeReason {
        /// Somebody else may use it.
        Compromised "compromised",
        /// Nobody can use it.
        Lost "lost",
        /// The person retired.
        Retired "retired",
        /// The person died.
        Died "died",
        /// Any other.
        Other "other",
    }
    /// Whose word a relation rests on.
    Basis {
        /// The person's own.
        Declared "declared",
        /// Another's.
        Attested "attested",
        /// An order to step aside.
        Ordered "ordered",
    }
}

impl Capacity {
    /// Whether it is another's office: acting or by delegation.
    pub fn is_lent(self) -> bool {
        self != Capacity::Regular
    }
}

/// A new key in place of an old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Whose.
    pub person: PersonId,
    /// The old key.
    pub replaces: KeyBytes,
    /// The new key.
    pub key: KeyBytes,
    /// Proof of possession.
    pub proof: Signature,
}

/// To what a person is related.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelatedTo {
    /// A case.
    Case(CaseId),
    /// Another person.
    Person(PersonId),
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are the lines of format.md section 5, under the same names")]
pub enum Act {
    Amend {
        constitution: Constitution,
        founders: Vec<(PersonId, Power)>,
    },
    Enact {
        enacts: ProcedureName,
        text: String,
    },
    Enrol {
        person: PersonId,
        name: Text,
        identity: IdentityToken,
        key: KeyBytes,
        proof: Signature,
    },
    Device {
        enrols: DeviceId,
        unit: Unit,
    },
    DeviceEnd {
        ends: DeviceId,
        reason: DeviceReason,
    },
    Appoint {
        person: PersonId,
        office: Office,
        unit: Unit,
        capacity: Capacity,
        home: Unit,
        from: Time,
        to: Option<Time>,
        instrument: Commitment,
    },
    AppointEnd {
        person: PersonId,
        appointment: StatementHash,
        reason: EndReason,
    },
    Rotate(NewKey),
    Rekey(NewKey),
    Revoke {
        person: PersonId,
        key: KeyBytes,
        reason: RevokeReason,
        suspected: Option<Time>,
    },
    Relate {
        person: PersonId,
        relation: Code,
        to: RelatedTo,
        basis: Basis,
        evidence: Option<Commitment>,
    },
    Qualify {
        person: PersonId,
        qualification: Code,
        from: Time,
        to: Option<Time>,
        evidence: Commitment,
    },
    Import(Import),
    Step(Box<Step>),
    Join {
        joins: StatementHash,
    },
    Sheet(Sheet),
    PostUp(PostUp),
    PostDown(PostDown),
    Outcome(Outcome),
    Correct(Correct),
    Transfer(Transfer),
    Account(Account),
    Objection(Objection),
    Dissent(Dissent),
    Report(Report),
    Appeal(Appeal),
    Answer(Answer),
    Recuse(Recuse),
    Hold(Hold),
    Release(Release),
    Override(Override),
    Ruling(Ruling),
    Team(Team),
    Incident(Incident),
}

impl NewKey {
    fn read(values: &mut Values<'_>) -> Result<NewKey, Refusal> {
        Ok(NewKey {
            person: values.one("a person", PersonId::parse)?,
            replaces: values.one("a public key", KeyBytes::parse)?,
            key: values.one("ed25519 and a public key", key_value)?,
            proof: values.one("64 bytes in base64", signature_value)?,
        })
    }

    fn write(&self, out: &mut Writer) {
        out.line("person", &self.person);
        out.line("replaces", self.replaces);
        out.line("key", format_args!("ed25519 {}", self.key));
        out.line("proof", base64(&self.proof.0));
    }
}

impl Act {
    /// The name on the `act` line.
    pub const fn name(&self) -> ActName {
        match self {
            Act::Amend { .. } => ActName::Amend,
            Act::Enact { .. } => ActName::Enact,
            Act::Enrol { .. } => ActName::Enrol,
            Act::Device { .. } => ActName::Device,
            Act::DeviceEnd { .. } => ActName::DeviceEnd,
            Act::Appoint { .. } => ActName::Appoint,
            Act::AppointEnd { .. } => ActName::AppointEnd,
            Act::Rotate(_) => ActName::Rotate,
            Act::Rekey(_) => ActName::Rekey,
            Act::Revoke { .. } => ActName::Revoke,
            Act::Relate { .. } => ActName::Relate,
            Act::Qualify { .. } => ActName::Qualify,
            Act::Import(_) => ActName::Import,
            Act::Join { .. } => ActName::Join,
            Act::Step(_) => ActName::Step,
            Act::Sheet(_) => ActName::Sheet,
            Act::PostUp(_) => ActName::PostUp,
            Act::PostDown(_) => ActName::PostDown,
            Act::Outcome(_) => ActName::Outcome,
            Act::Correct(_) => ActName::Correct,
            Act::Transfer(_) => ActName::Transfer,
            Act::Account(_) => ActName::Account,
            Act::Objection(_) => ActName::Objection,
            Act::Dissent(_) => ActName::Dissent,
            Act::Report(_) => ActName::Report,
            Act::Appeal(_) => ActName::Appeal,
            Act::Answer(_) => ActName::Answer,
            Act::Recuse(_) => ActName::Recuse,
            Act::Hold(_) => ActName::Hold,
            Act::Release(_) => ActName::Release,
            Act::Override(_) => ActName::Override,
            Act::Ruling(_) => ActName::Ruling,
            Act::Team(_) => ActName::Team,
            Act::Incident(_) => ActName::Incident,
        }
    }

    pub(crate) fn read(name: ActName, values: &mut Values<'_>) -> Result<Act, Refusal> {
        Ok(match name {
            ActName::Found | ActName::Amend => founding::read_amend(values)?,
            ActName::Enact => Act::Enact { enacts: values.one("id, version and digest", procedure_name)?, text: values.procedure_text()? },
            ActName::Enrol => Act::Enrol {
                person: values.one("a person", PersonId::parse)?,
                name: values.text("a name", Text::parse)?,
                identity: values.one("an identity token", IdentityToken::parse)?,
                key: values.one("ed25519 and a public key", key_value)?,
                proof: values.one("64 bytes in base64", signature_value)?,
            },
            ActName::Device => Act::Device { enrols: values.one("a device", DeviceId::parse)?, unit: values.one("a unit", Unit::parse)? },
            ActName::DeviceEnd => Act::DeviceEnd {
                ends: values.one("a device", DeviceId::parse)?,
                reason: values.one(DeviceReason::EXPECTED, DeviceReason::parse)?,
            },
            ActName::Appoint => read_appoint(values)?,
            ActName::AppointEnd => Act::AppointEnd {
                person: values.one("a person", PersonId::parse)?,
                appointment: values.one("the appointment's statement hash", StatementHash::parse)?,
                reason: values.one(EndReason::EXPECTED, EndReason::parse)?,
            },
            ActName::Rotate => Act::Rotate(NewKey::read(values)?),
            ActName::Rekey => Act::Rekey(NewKey::read(values)?),
            ActName::Revoke => Act::Revoke {
                person: values.one("a person", PersonId::parse)?,
                key: values.one("ed25519 and a public key", key_value)?,
                reason: values.one(RevokeReason::EXPECTED, RevokeReason::parse)?,
                suspected: values.one("a time or none", |value| or_word("none", value, Time::parse))?,
            },
            ActName::Relate => Act::Relate {
                person: values.one("a person", PersonId::parse)?,
                relation: values.one("a code", Code::parse)?,
                to: values.one("case and id, or person and id", related_to)?,
                basis: values.one(Basis::EXPECTED, Basis::parse)?,
                evidence: values.one("a commitment or none", |value| or_word("none", value, Commitment::parse))?,
            },
            ActName::Qualify => Act::Qualify {
                person: values.one("a person", PersonId::parse)?,
                qualification: values.one("a code", Code::parse)?,
                from: values.one("a time", Time::parse)?,
                to: values.one("a time or open", |value| or_word("open", value, Time::parse))?,
                evidence: values.one("a commitment", Commitment::parse)?,
            },
            ActName::Import => Act::Import(Import::read(values)?),
            ActName::Step => Act::Step(Box::new(Step::read(values)?)),
            ActName::Join => Act::Join { joins: values.one("the step's statement hash", StatementHash::parse)? },
            ActName::Sheet => Act::Sheet(Sheet::read(values)?),
            ActName::PostUp => Act::PostUp(PostUp::read(values)?),
            ActName::PostDown => Act::PostDown(PostDown::read(values)?),
            ActName::Outcome => Act::Outcome(Outcome::read(values)?),
            ActName::Correct => Act::Correct(Correct::read(values)?),
            ActName::Transfer => Act::Transfer(Transfer::read(values)?),
            ActName::Account => Act::Account(Account::read(values)?),
            ActName::Objection => Act::Objection(Objection::read(values)?),
            ActName::Dissent => Act::Dissent(Dissent::read(values)?),
            ActName::Report => Act::Report(Report::read(values)?),
            ActName::Appeal => Act::Appeal(Appeal::read(values)?),
            ActName::Answer => Act::Answer(Answer::read(values)?),
            ActName::Recuse => Act::Recuse(Recuse::read(values)?),
            ActName::Hold => Act::Hold(Hold::read(values)?),
            ActName::Release => Act::Release(Release::read(values)?),
            ActName::Override => Act::Override(Override::read(values)?),
            ActName::Ruling => Act::Ruling(Ruling::read(values)?),
            ActName::Team => Act::Team(Team::read(values)?),
            ActName::Incident => Act::Incident(Incident::read(values)?),
        })
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        match self {
            Act::Amend { constitution, founders } => {
                constitution.write(out);
                for (person, power) in founders {
                    out.line("founder", format_args!("{person} {power}"));
                }
            }
            Act::Enact { enacts, text } => {
                out.line("enacts", format_args!("{} {} {}", enacts.id, enacts.version, enacts.digest));
                out.procedure_text(text);
            }
            Act::Enrol { person, name, identity, key, proof } => {
                out.line("person", person);
                out.line("name", name);
                out.line("identity", identity);
                out.line("key", format_args!("ed25519 {key}"));
                out.line("proof", base64(&proof.0));
            }
            Act::Device { enrols, unit } => {
                out.line("enrols", enrols);
                out.line("unit", unit);
            }
            Act::DeviceEnd { ends, reason } => {
                out.line("ends", ends);
                out.line("reason", reason);
            }
            Act::Appoint { person, office, unit, capacity, home, from, to, instrument } => {
                out.line("person", person);
                out.line("office", office);
                out.line("unit", unit);
                out.line("capacity", capacity);
                out.line("home", home);
                out.line("from", from);
                out.line("to", word_or("open", to.as_ref()));
                out.line("instrument", instrument);
            }
            Act::AppointEnd { person, appointment, reason } => {
                out.line("person", person);
                out.line("appointment", appointment);
                out.line("reason", reason);
            }
            Act::Rotate(new) | Act::Rekey(new) => new.write(out),
            Act::Revoke { person, key, reason, suspected } => {
                out.line("person", person);
                out.line("key", format_args!("ed25519 {key}"));
                out.line("reason", reason);
                out.line("suspected", word_or("none", suspected.as_ref()));
            }
            Act::Relate { person, relation, to, basis, evidence } => {
                out.line("person", person);
                out.line("relation", relation);
                match to {
                    RelatedTo::Case(case) => out.line("to", format_args!("case {case}")),
                    RelatedTo::Person(other) => out.line("to", format_args!("person {other}")),
                }
                out.line("basis", basis);
                out.line("evidence", word_or("none", evidence.as_ref()));
            }
            Act::Qualify { person, qualification, from, to, evidence } => {
                out.line("person", person);
                out.line("qualification", qualification);
                out.line("from", from);
                out.line("to", word_or("open", to.as_ref()));
                out.line("evidence", evidence);
            }
            Act::Import(import) => import.write(out),
            Act::Join { joins } => out.line("joins", joins),
            _ => self.write_of_programme(out),
        }
    }

    /// Acts that know how to write themselves.
    fn write_of_programme(&self, out: &mut Writer) {
        match self {
            Act::Step(act) => act.write(out),
            Act::Sheet(act) => act.write(out),
            Act::PostUp(act) => act.write(out),
            Act::PostDown(act) => act.write(out),
            Act::Outcome(act) => act.write(out),
            Act::Correct(act) => act.write(out),
            Act::Transfer(act) => act.write(out),
            Act::Account(act) => act.write(out),
            Act::Objection(act) => act.write(out),
            Act::Dissent(act) => act.write(out),
            Act::Report(act) => act.write(out),
            Act::Appeal(act) => act.write(out),
            Act::Answer(act) => act.write(out),
            Act::Recuse(act) => act.write(out),
            Act::Hold(act) => act.write(out),
            Act::Release(act) => act.write(out),
            Act::Override(act) => act.write(out),
            Act::Ruling(act) => act.write(out),
            Act::Team(act) => act.write(out),
            Act::Incident(act) => act.write(out),
            _ => {}
        }
    }
}

fn read_appoint(values: &mut Values<'_>) -> Result<Act, Refusal> {
    Ok(Act::Appoint {
        person: values.one("a person", PersonId::parse)?,
        office: values.one("an office", Office::parse)?,
        unit: values.one("a unit", Unit::parse)?,
        capacity: values.one(Capacity::EXPECTED, Capacity::parse)?,
        home: values.one("a unit", Unit::parse)?,
        from: values.one("a time", Time::parse)?,
        to: values.one("a time or open", |value| or_word("open", value, Time::parse))?,
        instrument: values.one("a commitment", Commitment::parse)?,
    })
}

fn key_value(value: &str) -> Option<KeyBytes> {
    KeyBytes::parse(value.strip_prefix("ed25519 ")?)
}

fn signature_value(value: &str) -> Option<Signature> {
    from_base64_array(value).map(Signature)
}

fn related_to(value: &str) -> Option<RelatedTo> {
    match parts(value)? {
        ["case", id] => CaseId::parse(id).map(RelatedTo::Case),
        ["person", id] => PersonId::parse(id).map(RelatedTo::Person),
        _ => None,
    }
}

fn or_word<T>(word: &str, value: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if value == word { Some(None) } else { read(value).map(Some) }
}

fn word_or<T: core::fmt::Display>(word: &str, value: Option<&T>) -> String {
    value.map_or_else(|| word.to_owned(), ToString::to_string)
}
