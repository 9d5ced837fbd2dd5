//! The views: answers to questions that the record holds but does not index. Who acted on a case, in which office, by which
//! appointment, with which key; what a person signed; what a legacy record says of whom.
//!
//! The life of one entry here: the record shows it ([`follow::AdmittedLog`]), only if it was admitted and only when it is
//! next; [`views::fold`] says which rows change, and nothing else happens; the rows and the cursor that counts the entry are
//! written in one batch ([`store`]); an answer is read from the rows and says up to which size and root it is right
//! ([`answers`]).
//!
//! This crate is not the record and proves nothing: an answer names entries, and it is those that verify. It decides nothing:
//! what is admitted is `ledger`'s to say. Everything it stores may be deleted and comes back identical. It has no clock, no
//! network and no task, and touches no files but those of its own store.

pub mod answers;
pub mod counts;
pub mod course;
pub mod eligibility;
mod error;
pub mod follow;
mod generations;
pub mod keys;
pub mod refusals;
pub mod rows;
pub mod store;
pub mod views;

pub use error::ProjectorError;
pub use follow::{AdmittedLog, Kept, Opened, Projection, UpTo};
pub use keys::{Key, Prefix, Responsibility};
pub use ledger::replay::AdmittedEntry;
pub use rows::{Cursor, MemoryRows, Rows, dump};
