//! A legacy record, vouched for by an archivist (format.md section 5.9).

use super::{or_word, word_or};
use crate::rule::Refusal;
use crate::statement::{Values, Writer, parts};
use crate::value::{CaseId, SourceDigest, StatementHash, Text, TimeMs, number};

/// A legacy record as an archivist transcribes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The case.
    pub case: CaseId,
    /// The statement that changed it last, or nothing if it is new.
    pub head: Option<StatementHash>,
    /// SHA-256 of the legacy file.
    pub source: SourceDigest,
    /// Position of the record in it, from 0.
    pub record: u64,
    /// When the record says it happened.
    pub recorded: TimeMs,
    /// What happened.
    pub activity: Text,
    /// Who did it, by the record.
    pub actor: Text,
    /// The actor's group, or `-`.
    pub group: Text,
    /// The record's life-cycle transition, or `-`.
    pub lifecycle: Text,
}

impl Import {
    pub(super) fn read(values: &mut Values<'_>) -> Result<Import, Refusal> {
        let (case, head) = values.one("case and head, or new", |value| {
            let [case, head] = parts(value)?;
            Some((CaseId::parse(case)?, or_word("new", head, StatementHash::parse)?))
        })?;
        let (source, record) = values.one("digest of the file and position of the record", |value| {
            let [source, record] = parts(value)?;
            Some((SourceDigest::parse(source)?, number(record)?))
        })?;
        Ok(Import {
            case,
            head,
            source,
            record,
            recorded: values.one("a time with milliseconds", TimeMs::parse)?,
            activity: values.text("a text", Text::parse)?,
            actor: values.text("a text", Text::parse)?,
            group: values.text("a text", Text::parse)?,
            lifecycle: values.text("a text", Text::parse)?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.line("case", format_args!("{} {}", self.case, word_or("new", self.head.as_ref())));
        out.line("source", format_args!("{} {}", self.source, self.record));
        out.line("recorded", self.recorded);
        out.line("activity", &self.activity);
        out.line("actor", &self.actor);
        out.line("group", &self.group);
        out.line("lifecycle", &self.lifecycle);
    }
}
