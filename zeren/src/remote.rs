//! The other end: what a command asks a service on another machine.

pub mod client;
pub mod history;
pub mod receipts;
