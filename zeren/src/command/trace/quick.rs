//! A trace from kept views without replaying the ledger: the views count exactly what the record's checkpoint covers, each row that
//! is read is one that was written, and each entry is verified in the record. Whatever is in doubt, not there, or does not verify
//! is no answer here: it is asked again with the ledger replayed and the views read through.

use std::process::ExitCode;

use ledger::record::Record;
use ledger::storage::Folder;
use projector::Kept;

use super::scene::{Scene, constitutions};
use super::{AroundArgs, Asked, Command, case, payment};
use crate::files;
use crate::lang::Lang;

/// The answer, if it can be given so.
pub fn trace(command: &Command, asked: &Asked, lang: Lang) -> Option<ExitCode> {
    if asked.as_of.is_some() || !matches!(command, Command::Payment(_) | Command::Case(AroundArgs { around: false, .. })) {
        return None;
    }
    let ground = Ground::open(asked)?;
    let scene = ground.scene(asked, lang)?;
    match command {
        Command::Payment(_) => payment::trace(scene).ok(),
        _ => case::trace(scene, false).ok(),
    }
}

/// Kept views, and the record that they were made of.
pub struct Ground {
    views: Kept,
    record: Record<Folder>,
}

impl Ground {
    /// Both, if the views are exactly of the record's size and root.
    pub fn open(asked: &Asked) -> Option<Ground> {
        let folder = asked.reading.views.as_deref().filter(|folder| !files::lies_inside(folder, &asked.reading.dir))?;
        let views = Kept::open(folder)?;
        let counted = views.rows().cursor().ok()??;
        let record = Record::open(Folder::open_to_read(&asked.reading.dir).ok()?, &constitutions(views.rows()).ok()?).ok()?;
        let checkpoint = record.checkpoint();
        let is_of_record = counted.ledger == *record.id() && (counted.size, counted.root) == (checkpoint.size, checkpoint.root);
        is_of_record.then_some(Ground { views, record })
    }

    /// The scene of a question.
    pub fn scene<'a>(&'a self, asked: &'a Asked, lang: Lang) -> Option<Scene<'a>> {
        Scene::new(asked, &self.record, (self.views.rows(), self.record.size()), lang).ok()
    }
}
