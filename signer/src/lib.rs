//! What a person signs, and with what.
//!
//! A [`statement::Statement`] is drafted as text, signed as a [`note::Note`] with the keys of the persons on its `by`
//! lines, and submitted. Everything here is specified in `docs/format.md`; nothing here reads a clock, a disk or
//! randomness: they are arguments.
//!
//! This crate is not the record: it knows neither who may sign what nor what was signed before. That is `ledger`.

pub mod act;
pub mod anchor_note;
pub mod checkpoint;
pub mod draft;
pub mod epoch_note;
pub mod index_note;
pub mod keyfile;
pub mod merkle;
pub mod note;
pub mod possession;
pub mod rule;
pub mod statement;
pub mod strict;
pub mod token;
pub mod value;

pub use act::{Act, ActName};
pub use checkpoint::Checkpoint;
pub use note::Note;
pub use rule::{Refusal, Rule};
pub use statement::{Header, Statement};
pub use strict::{PublicKey, SecretKey};
