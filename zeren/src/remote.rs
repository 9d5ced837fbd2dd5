//! The other end: what this machine asks of others over HTTP.

pub mod client;
pub mod history;
pub mod receipts;
pub mod shelf;
pub mod witness;
