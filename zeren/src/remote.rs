//! The other end: what this machine asks of others over HTTP.

pub mod witness;
