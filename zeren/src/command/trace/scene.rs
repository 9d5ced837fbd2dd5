//! What a trace looks at: the ledger up to a size, views of that size, and whoever vouches for entries.

use std::path::Path;

use ledger::record::Record;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::{MemoryRows, Rows, answers};
use serde_json::{Value, json};
use signer::Note;

use super::{Anchor, Asked, shown_time};
use crate::error::Failure;
use crate::grounds::Witness;
use crate::lang::{Lang, thousands};
use crate::own_views::{OwnViews, failed, folded, tell_of_memory};
use crate::progress::Progress;

/// Views up to the size that is looked at; where that is not the whole log, those of the whole log beside them.
pub struct Views {
    at: OwnViews,
    whole: Option<OwnViews>,
    size: u64,
}

impl Views {
    /// The views of a question. Kept ones are of the whole log; a shorter one is always folded in memory.
    pub fn open(asked: &Asked, ledger: &Snapshot<Folder>, lang: Lang) -> Result<Views, Failure> {
        let size = match asked.as_of {
            None => ledger.size(),
            Some(as_of) => as_of.size(ledger.history()).map_err(|error| Failure::malformed(error.render(lang)))?,
        };
        let mut progress = Progress::new(lang.pick("views", "视图"));
        let of = ledger.size();
        let mut tell = |done| progress.at(done, of);
        let views = open_views(asked.reading.views.as_deref(), (&asked.reading.dir, ledger), size, &mut tell, lang)?;
        progress.done();
        Ok(views)
    }

    /// The rows up to the size that is looked at, and that size.
    pub fn at(&self) -> (&dyn Rows, u64) {
        (self.at.rows(), self.size)
    }

    /// The rows of the whole log, where that is longer.
    pub fn later(&self) -> Option<&dyn Rows> {
        self.whole.as_ref().map(OwnViews::rows)
    }

    /// The record under a checkpoint of the whole log.
    pub fn record(&self, storage: Folder, checkpoint: &Note) -> Result<Record<Folder>, Failure> {
        let constitutions = constitutions(self.later().unwrap_or(self.at.rows()))?;
        Ok(Record::under(storage, checkpoint, &constitutions)?)
    }
}

/// The entries of the founding and its amendments: they say which keys sign checkpoints. The last is the one in force.
pub fn constitutions(rows: &dyn Rows) -> Result<Vec<u64>, Failure> {
    let Some(answer) = answers::ledger(rows).map_err(failed)? else { return Ok(Vec::new()) };
    let entries: Vec<u64> = answer.value.constitutions.into_iter().map(|(entry, _)| entry).collect();
    let in_force = answer.value.ledger.in_force;
    if entries.last() == Some(&in_force) { Ok(entries) } else { Err(Failure::Views(format!("entry {in_force} is in force and not there"))) }
}

fn open_views(
    folder: Option<&Path>,
    (dir, ledger): (&Path, &Snapshot<Folder>),
    size: u64,
    tell: &mut dyn FnMut(u64),
    lang: Lang,
) -> Result<Views, Failure> {
    let kept = folder.map(|folder| OwnViews::kept(folder, (dir, ledger), tell, lang)).transpose()?;
    let is_whole = size == ledger.size();
    if let Some(kept) = kept {
        let (at, whole) = match is_whole {
            true => (kept, None),
            false => (OwnViews::InMemory(Box::new(folded(MemoryRows::default(), ledger, size, tell)?)), Some(kept)),
        };
        return Ok(Views { at, whole, size });
    }
    tell_of_memory(ledger.size(), lang);
    let at = folded(MemoryRows::default(), ledger, size, tell)?;
    let whole = match is_whole {
        true => None,
        false => Some(OwnViews::InMemory(Box::new(folded(at.clone(), ledger, ledger.size(), tell)?))),
    };
    Ok(Views { at: OwnViews::InMemory(Box::new(at)), whole, size })
}

/// Everything that a trace needs.
pub struct Scene<'a> {
    /// What was asked.
    pub asked: &'a Asked,
    /// Rows up to the size that is looked at.
    pub rows: &'a dyn Rows,
    /// Rows of the whole log, where that is longer.
    pub later: Option<&'a dyn Rows>,
    /// Whoever verifies entries.
    pub witness: Witness<'a>,
    /// What the checkpoint rests on.
    pub anchor: Anchor,
    /// Entries that are looked at.
    pub size: u64,
    /// When the last of them was received, in Unix milliseconds.
    last_received_ms: i64,
    /// The language.
    pub lang: Lang,
    /// The ledger, replayed; nothing where a trace is answered from kept views without that.
    replayed: Option<&'a Snapshot<Folder>>,
}

impl<'a> Scene<'a> {
    /// A scene of a record and views of it up to a size.
    pub fn new(asked: &'a Asked, record: &'a Record<Folder>, (rows, size): (&'a dyn Rows, u64), lang: Lang) -> Result<Scene<'a>, Failure> {
        let anchor = Anchor::of(record.id(), record.note(), asked.reading.policy.as_deref())?;
        let witness = Witness::new(record, rows)?;
        let last_received_ms = record.received(size.saturating_sub(1))?.map_or(0, |at| at.0);
        Ok(Scene { asked, rows, later: None, witness, anchor, size, last_received_ms, lang, replayed: None })
    }

    /// The same with the replayed ledger, and rows of the whole log where that is longer.
    #[must_use]
    pub fn with_replayed(self, ledger: &'a Snapshot<Folder>, later: Option<&'a dyn Rows>) -> Scene<'a> {
        Scene { replayed: Some(ledger), later, ..self }
    }

    /// The ledger, replayed.
    pub fn replayed(&self) -> Result<&'a Snapshot<Folder>, Failure> {
        self.replayed.ok_or_else(in_doubt)
    }

    /// What is answered without replaying the ledger must hold in full: anything else is looked at again, with the ledger replayed.
    pub fn settle(&self, failed: usize) -> Result<(), Failure> {
        if failed > 0 && self.replayed.is_none() { Err(in_doubt()) } else { Ok(()) }
    }

    /// The record.
    pub fn record(&self) -> &'a Record<Folder> {
        self.witness.record()
    }

    /// When an entry was received, in Unix milliseconds.
    pub fn received_ms(&self, entry: u64) -> Result<i64, Failure> {
        Ok(self.record().received(entry)?.map_or(0, |at| at.0))
    }

    /// What stands above every trace.
    pub fn heading(&self, what: &str, id: &str) -> String {
        let ledger = self.record();
        let size = thousands(self.size);
        let is_whole = self.size == ledger.size();
        let last = self.last_received_ms;
        let of = match self.lang {
            Lang::En if is_whole => format!("as of {size} entries"),
            Lang::Zh if is_whole => format!("截至第 {size} 条"),
            Lang::En => format!("AS OF {size} of {} entries, the last of {}", thousands(ledger.size()), shown_time(last)),
            Lang::Zh => format!("截至前 {size} 条（账本共 {} 条），末条收于 {}", thousands(ledger.size()), shown_time(last)),
        };
        format!("{what} {id}\n  {}\n  {of}\n  {}", ledger.id(), self.anchor.line(self.lang))
    }

    /// The same for a program: keys that every trace has.
    pub fn heading_json(&self) -> Value {
        json!({
            "ledger": self.record().id().as_str(), "size": self.size, "of_size": self.record().size(), "as_of": self.asked.as_of.is_some(),
            "last_received": super::time_json(self.last_received_ms), "policy": self.anchor.has_policy, "policy_accepts": self.anchor.is_accepted,
            "anchored": self.anchor.is_accepted,
        })
    }
}

fn in_doubt() -> Failure {
    Failure::Views("in doubt until the ledger is replayed".to_owned())
}

/// Joins the keys of two objects.
pub fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}
