//! The other end: what this machine asks of others over HTTP.

pub mod authorities;
pub mod client;
pub mod history;
pub mod receipts;
pub mod session;
pub mod shelf;
pub mod witness;
