//! A ledger on a cluster (docs/decisions/0019): one node sequences, JetStream's majority holds each block before anybody hears of
//! it, and the other nodes follow with records of their own.

pub mod beat;
pub mod counties;
pub mod file;
pub mod folder;
pub mod node;
pub mod owed;
pub mod place;
pub mod project;
pub mod sequence;
pub mod servers;
pub mod stream;
#[cfg(test)]
mod tests;
