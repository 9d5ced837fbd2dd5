//! The record: who may say what next, what was said, and proof of it.
//!
//! The life of one entry: bytes are read and their signatures checked ([`mod@check`], parallel); the note is judged against what
//! the entries before made true ([`admit`], serial, on [`state`]); it becomes an entry ([`entry`]), a leaf of the tree and a
//! link of the chain ([`history`]); entry and checkpoint are made durable in one commit ([`ledger`], [`segment`],
//! [`storage`]); a receipt leaves. Anybody runs the same `check` and `admit` over the whole log again ([`audit`]).
//!
//! This crate is not a server and not a set of views: no clock, no network, no task runs here.

pub mod admit;
pub mod audit;
pub mod backup;
pub mod block;
pub mod check;
pub mod checkpoint_keys;
pub mod entry;
pub mod error;
pub mod evidence;
pub mod following;
pub mod fork;
pub mod history;
pub mod index;
pub mod layout;
pub mod ledger;
pub mod map;
pub mod marker;
mod parallel;
pub mod policy;
pub mod procedure;
pub mod programme;
pub mod quorum;
pub mod record;
mod recovery;
pub mod refusal_note;
pub mod replay;
pub mod segment;
pub mod snapshot;
pub mod state;
pub mod storage;

pub use check::check;
pub use error::LedgerError;
pub use following::Tip;
pub use ledger::{Answer, Ledger, append_through, leave_through};
