//! What a trace looks at: the ledger up to a size, views of that size, and whoever vouches for entries.

use std::path::Path;

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::{MemoryRows, Rows};
use serde_json::{Value, json};

use super::{Anchor, Asked, shown_time};
use crate::error::Failure;
use crate::grounds::Witness;
use crate::lang::{Lang, thousands};
use crate::own_views::{OwnViews, folded, tell_of_memory};
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
        let views = open_views(asked.views.as_deref(), (&asked.dir, ledger), size, &mut tell, lang)?;
        progress.done();
        Ok(views)
    }

    /// The rows up to the size that is looked at.
    pub fn rows(&self) -> &dyn Rows {
        self.at.rows()
    }

    /// The rows of the whole log, where that is longer.
    pub fn later(&self) -> Option<&dyn Rows> {
        self.whole.as_ref().map(OwnViews::rows)
    }
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
    /// The language.
    pub lang: Lang,
}

impl<'a> Scene<'a> {
    /// A scene of a ledger and its views.
    pub fn new(asked: &'a Asked, ledger: &'a Snapshot<Folder>, views: &'a Views, lang: Lang) -> Result<Scene<'a>, Failure> {
        let anchor = Anchor::of(ledger, asked.policy.as_deref())?;
        let witness = Witness::new(ledger, views.rows())?;
        Ok(Scene { asked, rows: views.rows(), later: views.later(), witness, anchor, size: views.size, lang })
    }

    /// The ledger.
    pub fn ledger(&self) -> &'a Snapshot<Folder> {
        self.witness.ledger()
    }

    /// When an entry was received, in Unix milliseconds.
    pub fn received_ms(&self, entry: u64) -> i64 {
        self.ledger().history().received(entry).map_or(0, |at| at.0)
    }

    /// What stands above every trace.
    pub fn heading(&self, what: &str, id: &str) -> String {
        let ledger = self.ledger();
        let size = thousands(self.size);
        let is_whole = self.size == ledger.size();
        let last = self.received_ms(self.size.saturating_sub(1));
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
        let last = self.received_ms(self.size.saturating_sub(1));
        json!({
            "ledger": self.ledger().id().as_str(), "size": self.size, "of_size": self.ledger().size(), "as_of": self.asked.as_of.is_some(),
            "last_received": super::time_json(last), "policy": self.anchor.has_policy, "policy_accepts": self.anchor.is_accepted,
            "anchored": self.anchor.is_accepted,
        })
    }
}

/// Joins the keys of two objects.
pub fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}
