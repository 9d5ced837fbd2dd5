//! x
pub mod admit;
pub mod check;
pub mod entry;
pub mod history;
pub mod procedure;
pub mod state;
