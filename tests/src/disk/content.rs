//! The bytes of a simulated file: blocks, of which only those that are not zero take memory.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of a block: what a disk writes whole or not at all.
pub const BLOCK_BYTES: u64 = 512;

type Block = [u8; BLOCK_BYTES as usize];

/// Bytes of a file.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Content {
    blocks: BTreeMap<u64, Arc<Block>>,
    length: u64,
}

const ZEROS: Block = [0; BLOCK_BYTES as usize];

impl Content {
    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// All bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length as usize];
        self.read(0, &mut bytes);
        bytes
    }

    /// Reads up to the end.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let count = self.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        buffer[..count].fill(0);
        let end = offset + count as u64;
        for (number, block) in self.blocks.range(offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES)) {
            let at = number * BLOCK_BYTES;
            let (from, to) = (offset.max(at), end.min(at + BLOCK_BYTES));
            if from < to {
                buffer[(from - offset) as usize..(to - offset) as usize].copy_from_slice(&block[(from - at) as usize..(to - at) as usize]);
            }
        }
        count
    }

    /// Writes; gives the blocks that were written.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Vec<u64> {
        let end = offset + bytes.len() as u64;
        self.grow_to(end);
        let mut written = Vec::new();
        for number in offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES) {
            let at = number * BLOCK_BYTES;
            let (from, to) = (offset.max(at), end.min(at + BLOCK_BYTES));
            let part = &bytes[(from - offset) as usize..(to - offset) as usize];
            let is_zero_already = !self.blocks.contains_key(&number) && part.iter().all(|b| *b == 0);
            if !is_zero_already {
                let block = Arc::make_mut(self.blocks.entry(number).or_insert_with(|| Arc::new(ZEROS)));
                block[(from - at) as usize..(to - at) as usize].copy_from_slice(part);
            }
            written.push(number);
        }
        written
    }

    /// Cuts or extends; gives the block that was cut in two.
    pub fn set_len(&mut self, length: u64) -> Option<u64> {
        let is_cut = length < self.length;
        self.length = length;
        if !is_cut {
            return None;
        }
        self.blocks.split_off(&length.div_ceil(BLOCK_BYTES));
        let (number, rest) = (length / BLOCK_BYTES, (length % BLOCK_BYTES) as usize);
        let block = self.blocks.get_mut(&number).filter(|_| rest > 0)?;
        Arc::make_mut(block)[rest..].fill(0);
        Some(number)
    }

    /// Extends to a length, if it is shorter.
    pub fn grow_to(&mut self, length: u64) {
        self.length = self.length.max(length);
    }

    /// Takes over a block, unless it lies behind the other's end.
    pub fn copy_block(&mut self, other: &Content, number: u64) {
        match other.blocks.get(&number) {
            Some(block) => self.blocks.insert(number, Arc::clone(block)),
            None => self.blocks.remove(&number),
        };
    }
}
