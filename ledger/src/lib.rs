//! x
pub mod admit;
pub mod check;
pub mod entry;
pub mod history;
pub mod ledger;
pub mod policy;
pub mod procedure;
pub mod refusal_note;
mod replay;
pub mod segment;
pub mod state;
pub mod storage;
