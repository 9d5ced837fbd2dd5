//! Where a folder is in a stream: which block brought its last entry, found by halves, and whether both hold the same bytes.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use ledger::block::Block;
use ledger::following::{Record, judge_ahead, judge_epoch, known};
use ledger::{LedgerError, Tip};
use serde_json::json;
use signer::rule::{Refusal, Rule};
use signer::value::NoteHash;
use tokio::sync::watch;

use super::servers::{Servers, ServersError};
use super::stream::{GENERATIONS_MAX, Stream};
use crate::screen::log;

/// How long is paused before servers that did not answer are asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// A server's answer as a ledger's failure. What is set up so that it cannot keep the promise is a finding, everything else an outage.
pub fn unreachable_quorum(error: ServersError) -> LedgerError {
    match error {
        ServersError::Unfit { .. } | ServersError::Forbidden { .. } => LedgerError::Unfit(error.to_string()),
        error => LedgerError::Storage { step: ASKING, source: io::Error::other(error) },
    }
}

/// What is said where there is none.
const NO_STREAM: &str = "none: it was deleted, or `zeren cluster found` was never run for this ledger";

/// The stream that was read is not there any more.
pub fn stream_gone(stream: &Stream, blocks: u64) -> LedgerError {
    let expected = format!("the stream {}, of {blocks} blocks or more", stream.name());
    let refusal = Refusal::new(Rule::BlockOrder, expected, "no such stream: it was deleted");
    LedgerError::Block { number: blocks, refusal }
}

/// The stream holds fewer blocks than were read of it.
pub fn stream_cut(blocks: u64, last: u64) -> LedgerError {
    let expected = format!("{blocks} blocks or more, as were read");
    let refusal = Refusal::new(Rule::BlockOrder, expected, format!("{last}: the stream was cut or made anew"));
    LedgerError::Block { number: last, refusal }
}

/// What was being done when servers did not answer.
pub const ASKING: &str = "asking the cluster";

/// Asks until somebody answers, or until it is told to stop: then nothing.
///
/// # Errors
/// Whatever is no outage.
pub fn when_reached<T>(
    stopping: &watch::Receiver<bool>,
    mut ask: impl FnMut() -> Result<T, LedgerError>,
) -> Result<Option<T>, LedgerError> {
    while !*stopping.borrow() {
        match ask() {
            Err(error @ LedgerError::Storage { step: ASKING, .. }) => {
                log("no quorum", &json!({ "because": error.to_string(), "advice": "the servers are asked again" }));
                sleep(PAUSE);
            }
            answered => return answered.map(Some),
        }
    }
    Ok(None)
}

/// Stream and record differ.
fn unlike(number: u64, expected: impl Into<String>, found: impl Into<String>) -> LedgerError {
    LedgerError::Block { number, refusal: Refusal::new(Rule::BlockUnlike, expected, found) }
}

/// Reads a block that must be there.
///
/// # Errors
/// [`LedgerError::Block`] where there is none, or what is there is no block; the servers' failures.
pub fn read_block(stream: &Stream, number: u64) -> Result<Block, LedgerError> {
    let bytes = stream.read(number).map_err(unreachable_quorum)?;
    let missing = || Refusal::new(Rule::BlockOrder, format!("block {number} of {}", stream.name()), "none");
    let bytes = bytes.ok_or_else(|| LedgerError::Block { number, refusal: missing() })?;
    Block::parse(&bytes).map_err(|refusal| LedgerError::Block { number, refusal })
}

/// The block before the first that this ledger must read: it is read and compared again from the one that brought its last entry. What is
/// no block is after everything that can be followed: it is met when what is before it has been read.
///
/// # Errors
/// [`LedgerError::Block`] where the stream cannot be this ledger's, or ends before it; the servers' failures.
pub fn locate(ledger: &dyn Record, stream: &Stream) -> Result<Tip, LedgerError> {
    let size = ledger.history().size();
    let last = stream.last().map_err(unreachable_quorum)?;
    let first = read_block(stream, 1)?;
    if first.header.size > size {
        let expected =
            format!("{} entries or more, where generation {} begins: copy a folder that has them", first.header.size, stream.generation);
        return Err(unlike(1, expected, size.to_string()));
    }
    // The first block that ends at or after what is here. Between `low` (ends before) and `high` (does not, or is no block).
    let (mut low, mut high) = (0, last + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if ends_before(stream, middle, size)? { low = middle } else { high = middle }
    }
    if low == last {
        let end = read_block(stream, last)?.size_after();
        return Err(unlike(last, format!("{size} entries or more, as the segments have"), format!("{end} at the stream's end")));
    }
    if low == 0 {
        return Ok(Tip::start(stream.generation));
    }
    Ok(Tip::start(stream.generation).after(&read_block(stream, low)?))
}

/// Whether a message is a block that ends before so many entries.
fn ends_before(stream: &Stream, number: u64, size: u64) -> Result<bool, LedgerError> {
    match read_block(stream, number) {
        Ok(block) => Ok(block.size_after() < size),
        Err(LedgerError::Block { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The highest generation whose first message is a block of this ledger and generation: another may have been made already and be empty,
/// or hold what somebody wrote into it.
///
/// # Errors
/// Those of the servers.
pub fn latest_begun(record: &dyn Record, servers: &Servers) -> Result<Option<Stream>, ServersError> {
    for generation in (1..=GENERATIONS_MAX).rev() {
        let stream = Stream::new(servers, record.id(), generation);
        let first = match stream.read(1) {
            Ok(first) => first,
            Err(error) if error.is_absent() => continue,
            Err(error) => return Err(error),
        };
        let Some(first) = first else { continue };
        match Block::parse(&first) {
            Ok(block) if block.header.ledger == *record.id() && block.header.generation == generation => return Ok(Some(stream)),
            _ => log("foreign stream", &json!({ "stream": stream.name(), "because": "its first message is no block of this ledger" })),
        }
    }
    Ok(None)
}

/// The ledger's latest stream, fit to be written to and read from.
///
/// # Errors
/// [`LedgerError::Block`] where there is none; the servers' failures, and a stream that is not as it must be.
pub fn latest(ledger: &dyn Record, servers: &Servers, replicas: usize) -> Result<Stream, LedgerError> {
    let stream = latest_begun(ledger, servers).map_err(unreachable_quorum)?;
    let stream = stream.ok_or_else(|| LedgerError::Block { number: 0, refusal: no_stream(ledger) })?;
    stream.judge(replicas).map_err(unreachable_quorum)?;
    Ok(stream)
}

/// There is no stream of this ledger.
pub fn no_stream(ledger: &dyn Record) -> Refusal {
    Refusal::new(Rule::BlockOrder, format!("a stream of {}", ledger.id()), NO_STREAM)
}

/// How a record and its stream stand to each other.
#[derive(Debug)]
pub enum Standing {
    /// The record holds all that the stream does.
    Same,
    /// The stream goes on, by so many blocks, one after another: the next can be followed, the others look like it.
    StreamAhead(u64),
    /// The stream is gone, damaged, behind the record or another history: what is wrong.
    Apart(Refusal),
}

/// Whether what comes after a block are blocks, one after another. Who made them and what they carry is judged by whoever follows.
fn require_chain(stream: &Stream, mut tip: Tip, last: u64) -> Result<(), LedgerError> {
    while tip.number < last {
        let number = tip.number + 1;
        let block = read_block(stream, number)?;
        let header = &block.header;
        let (expected, found) =
            ((tip.generation, number, tip.hash, tip.size), (header.generation, header.number, header.previous, Some(header.size)));
        if expected != found {
            let told = |(generation, number, previous, size): (u64, u64, NoteHash, Option<u64>)| {
                format!("generation {generation}, number {number}, after {previous}, from entry {}", size.unwrap_or(0))
            };
            return Err(LedgerError::Block { number, refusal: Refusal::new(Rule::BlockOrder, told(expected), told(found)) });
        }
        tip = tip.after(&block);
    }
    Ok(())
}

/// Compares a record with its stream, every block that the record should hold if `deep`, else from its last entry on.
///
/// # Errors
/// The servers' failures.
pub fn compare(ledger: &dyn Record, stream: &Stream, deep: bool) -> Result<Standing, LedgerError> {
    let compared = (|| {
        let mut tip = if deep { Tip::start(stream.generation) } else { locate(ledger, stream)? };
        let last = stream.last().map_err(unreachable_quorum)?;
        while tip.number < last {
            let block = read_block(stream, tip.number + 1)?;
            let refused = |refusal| LedgerError::Block { number: block.header.number, refusal };
            let here = known(ledger, &tip, &block)?;
            judge_epoch(ledger, &block).map_err(refused)?;
            if here < block.carried.entries.len() {
                judge_ahead(ledger, &block, here).map_err(refused)?;
                require_chain(stream, tip.after(&block), last)?;
                return Ok(Standing::StreamAhead(last - tip.number));
            }
            tip = tip.after(&block);
        }
        if deep {
            // From the first block on every byte was compared; that the record does not go on beyond is what `locate` says.
            locate(ledger, stream)?;
        }
        Ok(Standing::Same)
    })();
    match compared {
        Err(LedgerError::Block { number, refusal }) => {
            let found = format!("{} (block {number})", refusal.found);
            Ok(Standing::Apart(Refusal { found, ..refusal }))
        }
        other => other,
    }
}
