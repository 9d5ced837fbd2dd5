//! Segments: the files in which entries lie end to end, and the checkpoint slots (format.md section 9).

use std::io;

use signer::Note;

use crate::entry::{ENTRY_BYTES_MAX, SealedEntry};
use crate::layout::Layout;
use crate::storage::{Storage, read_full};

/// Length of a checkpoint slot: room for a checkpoint with several post-quantum signatures.
pub const SLOT_BYTES: usize = 8_192;
/// The two slots.
pub const SLOTS: [&str; 2] = ["checkpoint.0", "checkpoint.1"];
/// The segments' folder.
pub const SEGMENTS: &str = "segments";

/// The file of the derived offsets of bundles.
pub const BUNDLES: &str = "bundles";

/// Offsets of the first bundles of a log of so many entries, as the file has them, whole ones alone: to be believed by nobody.
pub(crate) fn read_bundles(storage: &dyn Storage, entries: u64) -> io::Result<Vec<u64>> {
    let count = entries.div_ceil(storage.layout().bundle_entries);
    let length = storage.len(BUNDLES)?.unwrap_or(0).min(count * 8);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let read = if bytes.is_empty() { 0 } else { read_full(storage, BUNDLES, 0, &mut bytes)? };
    Ok(bytes[..read].as_chunks::<8>().0.iter().map(|offset| u64::from_be_bytes(*offset)).collect())
}

/// Bytes of a segment that are read at a time to walk from entry to entry.
const WALK_BYTES: usize = 32_768;

/// Name of a segment.
pub fn segment_name(number: u64) -> String {
    format!("{SEGMENTS}/{number:06}")
}

/// The number of the segment whose file has this name in the segments' folder.
fn segment_number(name: &str) -> Option<u64> {
    let is_number = name.len() == 6 && name.bytes().all(|b| b.is_ascii_digit());
    name.parse().ok().filter(|_| is_number)
}

/// A slot's bytes.
pub fn encode_slot(checkpoint: &Note) -> Vec<u8> {
    let mut bytes = checkpoint.encode().into_bytes();
    bytes.resize(SLOT_BYTES.max(bytes.len()), b'\n');
    bytes
}

/// What a slot holds.
#[derive(Debug)]
pub enum Slot {
    /// Nothing was ever written.
    Unwritten,
    /// A note, not verified.
    Note(Note),
    /// Anything else.
    Damaged,
}

/// Reads a slot.
pub fn read_slot(storage: &dyn Storage, name: &str) -> io::Result<Slot> {
    let Some(length) = storage.len(name)? else { return Ok(Slot::Unwritten) };
    let mut bytes = vec![0; SLOT_BYTES + 1];
    let read = read_full(storage, name, 0, &mut bytes)?;
    bytes.truncate(read);
    let end = bytes.iter().rposition(|b| *b != b'\n').map_or(0, |last| last + 1);
    if end == 0 {
        return Ok(Slot::Unwritten);
    }
    bytes.truncate(end);
    bytes.push(b'\n');
    match Note::parse(&bytes) {
        Ok(note) if length == SLOT_BYTES as u64 => Ok(Slot::Note(note)),
        _ => Ok(Slot::Damaged),
    }
}

/// Reads entries in order.
pub struct EntryReader<'s> {
    storage: &'s dyn Storage,
    segment: u64,
    entries: u64,
    /// Offset in the segment of the first byte that was not yielded.
    offset: u64,
    buffer: Vec<u8>,
    /// What of the buffer was taken.
    start: usize,
    /// Offset in the segment of the byte after the buffer.
    buffer_end: u64,
    /// Segments that were left because they are full, with their ends.
    full: Vec<(u64, u64)>,
    has_stopped: bool,
}

impl<'s> EntryReader<'s> {
    const READ_BYTES: usize = 1 << 20;

    /// Reads from the first entry.
    pub fn new(storage: &'s dyn Storage) -> EntryReader<'s> {
        EntryReader {
            storage,
            segment: 0,
            entries: 0,
            offset: 0,
            buffer: Vec::new(),
            start: 0,
            buffer_end: 0,
            full: Vec::new(),
            has_stopped: false,
        }
    }

    /// Index of the entry that comes next: the number of entries before it.
    pub fn count(&self) -> u64 {
        self.segment * self.storage.layout().segment_entries + self.entries
    }

    /// Where the next entry would lie: segment and offset.
    pub fn position(&self) -> (u64, u64) {
        (self.segment, self.offset)
    }

    /// The next entry's bytes; nothing where reading stops.
    pub fn next_entry(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.has_stopped {
            return Ok(None);
        }
        let is_full = self.entries == self.storage.layout().segment_entries;
        if is_full && self.storage.len(&segment_name(self.segment + 1))?.is_some() {
            self.full.push((self.segment, self.offset));
            self.segment += 1;
            (self.entries, self.offset, self.start, self.buffer_end) = (0, 0, 0, 0);
            self.buffer.clear();
        }
        let entry = if self.entries == self.storage.layout().segment_entries { None } else { self.whole_entry()? };
        match entry {
            Some(entry) => {
                self.offset += 2 + entry.len() as u64;
                self.entries += 1;
                Ok(Some(entry))
            }
            None => {
                self.has_stopped = true;
                Ok(None)
            }
        }
    }

    fn whole_entry(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(prefix) = self.take(2)? else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([prefix[0], prefix[1]]));
        if length == 0 {
            return Ok(None);
        }
        self.take(length)
    }

    fn take(&mut self, count: usize) -> io::Result<Option<Vec<u8>>> {
        if self.buffer.len() - self.start < count {
            self.fill()?;
        }
        let Some(bytes) = self.buffer.get(self.start..self.start + count) else { return Ok(None) };
        let bytes = bytes.to_vec();
        self.start += count;
        Ok(Some(bytes))
    }

    fn fill(&mut self) -> io::Result<()> {
        let name = segment_name(self.segment);
        if self.storage.len(&name)?.is_none() {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let have = self.buffer.len();
        self.buffer.resize(have + Self::READ_BYTES, 0);
        let read = read_full(self.storage, &name, self.buffer_end, &mut self.buffer[have..])?;
        self.buffer.truncate(have + read);
        self.buffer_end += read as u64;
        Ok(())
    }

    /// Whether anything but zeros follows the last entry.
    pub fn has_tail(&self) -> io::Result<bool> {
        for (number, end) in &self.full {
            if self.has_more_than_zeros(*number, *end)? {
                return Ok(true);
            }
        }
        if self.has_more_than_zeros(self.segment, self.offset)? {
            return Ok(true);
        }
        for name in self.storage.list(SEGMENTS)? {
            if let Some(number) = segment_number(&name).filter(|number| *number > self.segment)
                && self.has_more_than_zeros(number, 0)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_more_than_zeros(&self, number: u64, from: u64) -> io::Result<bool> {
        let name = segment_name(number);
        if self.storage.len(&name)?.is_none() {
            return Ok(false);
        }
        let mut buffer = vec![0; Self::READ_BYTES];
        let mut offset = from;
        loop {
            let read = read_full(self.storage, &name, offset, &mut buffer)?;
            if buffer[..read].iter().any(|b| *b != 0) {
                return Ok(true);
            }
            if read < buffer.len() {
                return Ok(false);
            }
            offset += read as u64;
        }
    }
}

/// Appends entries, and finds them again.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    layout: Layout,
    entries: u64,
    /// Offset in its segment at which each bundle of 256 entries begins: 8 bytes for 256 entries.
    bundles: Vec<u64>,
    /// Where the next entry goes in the last segment.
    offset: u64,
    /// Length of the last segment's file.
    allocated: u64,
}

impl Segments {
    /// No entries yet, in files of this layout.
    pub fn new(layout: Layout) -> Segments {
        Segments { layout, ..Segments::default() }
    }

    /// Counts an entry that lies in the files already.
    pub fn note_existing(&mut self, entry_bytes: usize) {
        if self.entries.is_multiple_of(self.layout.segment_entries) {
            self.offset = 0;
        }
        if self.entries.is_multiple_of(self.layout.bundle_entries) {
            self.bundles.push(self.offset);
        }
        self.offset += 2 + entry_bytes as u64;
        self.entries += 1;
    }

    /// A log of so many entries, of which these offsets of bundles are known: to read from.
    pub(crate) fn found(layout: Layout, entries: u64, mut bundles: Vec<u64>) -> Segments {
        // No segment is longer than this: nobody adds to an offset beyond it.
        let end = layout.segment_entries * (2 + ENTRY_BYTES_MAX as u64);
        let fit = bundles.iter().position(|offset| *offset > end).unwrap_or(bundles.len());
        bundles.truncate(fit);
        Segments { layout, entries, bundles, ..Segments::default() }
    }

    /// The same with the offsets that are missing, found by walking from prefix to prefix; nothing where more entries lie there than that.
    pub(crate) fn walked(mut self, storage: &dyn Storage, entries_max: u64) -> io::Result<Option<Segments>> {
        let Layout { segment_entries, bundle_entries, .. } = self.layout;
        let count = self.entries.div_ceil(bundle_entries);
        if (count - self.bundles.len() as u64) * bundle_entries > entries_max.saturating_add(bundle_entries) {
            return Ok(None);
        }
        while (self.bundles.len() as u64) < count {
            let first = self.bundles.len() as u64 * bundle_entries;
            let before = self.bundles.last().copied().filter(|_| !first.is_multiple_of(segment_entries));
            let mut offset = before.unwrap_or(0);
            for index in first - if before.is_some() { bundle_entries } else { 0 }..first {
                offset += 2 + u64::from(read_prefix(storage, &segment_name(index / segment_entries), offset)?);
            }
            self.bundles.push(offset);
        }
        Ok(Some(self))
    }

    /// Number of entries.
    pub(crate) fn size(&self) -> u64 {
        self.entries
    }

    /// Offset in its segment at which each bundle begins: what the file `bundles` holds.
    pub(crate) fn bundles(&self) -> &[u64] {
        &self.bundles
    }

    /// Cuts what follows the last entry, so that zeros follow.
    pub fn cut(&self, storage: &mut dyn Storage) -> io::Result<()> {
        let last = self.last_segment();
        for name in storage.list(SEGMENTS)? {
            if segment_number(&name).is_some_and(|number| number > last) {
                let path = format!("{SEGMENTS}/{name}");
                storage.set_len(&path, 0)?;
                storage.sync(&path)?;
            }
        }
        if storage.len(&segment_name(last))?.is_some() {
            storage.set_len(&segment_name(last), self.offset)?;
            storage.sync(&segment_name(last))?;
        }
        Ok(())
    }

    /// Takes the last segment's file as it is, zeros at its end included.
    pub fn keep_allocated(&mut self, storage: &dyn Storage) -> io::Result<()> {
        self.allocated = storage.len(&segment_name(self.last_segment()))?.unwrap_or(0);
        Ok(())
    }

    fn last_segment(&self) -> u64 {
        self.entries.saturating_sub(1) / self.layout.segment_entries
    }

    /// Writes entries and makes them durable.
    pub fn append(&mut self, storage: &mut dyn Storage, entries: &[SealedEntry]) -> io::Result<()> {
        let mut rest = entries;
        while !rest.is_empty() {
            let room = self.layout.segment_entries - self.entries % self.layout.segment_entries;
            let (now, later) = rest.split_at(rest.len().min(room as usize));
            self.append_to_one(storage, now)?;
            rest = later;
        }
        Ok(())
    }

    fn append_to_one(&mut self, storage: &mut dyn Storage, entries: &[SealedEntry]) -> io::Result<()> {
        let is_new = self.entries.is_multiple_of(self.layout.segment_entries);
        let name = segment_name(self.entries / self.layout.segment_entries);
        let start = if is_new { 0 } else { self.offset };
        let mut bytes = Vec::new();
        for entry in entries {
            let length = u16::try_from(entry.bytes.len()).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "entry too long"))?;
            bytes.extend(length.to_be_bytes());
            bytes.extend(&entry.bytes);
        }
        if is_new {
            self.allocated = 0;
        }
        let end = start + bytes.len() as u64;
        if end > self.allocated {
            let allocated = end.next_multiple_of(self.layout.prewritten_bytes);
            bytes.resize((allocated - start) as usize, 0);
            self.allocated = allocated;
        }
        storage.write_at(&name, start, &bytes)?;
        storage.sync(&name)?;
        if is_new {
            storage.sync_folder(SEGMENTS)?;
            storage.sync_folder("")?;
        }
        entries.iter().for_each(|entry| self.note_existing(entry.bytes.len()));
        Ok(())
    }

    /// Reads entries in order from this one on.
    pub fn reader<'s>(&self, storage: &'s dyn Storage, from: u64) -> io::Result<EntryReader<'s>> {
        let mut reader = EntryReader::new(storage);
        let Layout { segment_entries, bundle_entries, .. } = self.layout;
        let offset = match self.bundles.get((from / bundle_entries) as usize) {
            Some(offset) => *offset,
            // Right after the last entry, where what comes next will lie.
            None if from == self.entries => {
                if from.is_multiple_of(segment_entries) {
                    0
                } else {
                    self.offset
                }
            }
            None => {
                reader.has_stopped = true;
                return Ok(reader);
            }
        };
        let first = from / bundle_entries * bundle_entries;
        (reader.segment, reader.entries) = (first / segment_entries, first % segment_entries);
        (reader.offset, reader.buffer_end) = (offset, offset);
        while reader.count() < from && reader.next_entry()?.is_some() {}
        Ok(reader)
    }

    /// The bytes of an entry.
    pub fn read(&self, storage: &dyn Storage, index: u64) -> io::Result<Option<Vec<u8>>> {
        let bundle = index / self.layout.bundle_entries;
        let places = self.places(storage, bundle, index + 1)?;
        self.read_at(storage, index, &places)
    }

    /// Offsets in their segment of the entries of a bundle up to one entry, with the offset after the last of them; fewer where
    /// less lies there.
    pub(crate) fn places(&self, storage: &dyn Storage, bundle: u64, end: u64) -> io::Result<Vec<u64>> {
        let first = bundle * self.layout.bundle_entries;
        let Some(mut offset) = usize::try_from(bundle).ok().and_then(|at| self.bundles.get(at)).copied() else { return Ok(Vec::new()) };
        let count = end.min(first + self.layout.bundle_entries).min(self.entries).saturating_sub(first);
        let name = segment_name(first / self.layout.segment_entries);
        let mut places = vec![offset];
        let (mut buffer, mut start) = (vec![0; WALK_BYTES], offset);
        let mut held = read_full(storage, &name, start, &mut buffer)?;
        while (places.len() as u64) <= count {
            if offset + 2 > start + held as u64 {
                start = offset;
                held = read_full(storage, &name, start, &mut buffer)?;
            }
            let at = (offset - start) as usize;
            let Some(prefix) = buffer[..held].get(at..at + 2) else { break };
            offset += 2 + u64::from(u16::from_be_bytes([prefix[0], prefix[1]]));
            places.push(offset);
        }
        Ok(places)
    }

    /// The bytes of an entry of a bundle whose places are known.
    pub(crate) fn read_at(&self, storage: &dyn Storage, index: u64, places: &[u64]) -> io::Result<Option<Vec<u8>>> {
        let at = (index % self.layout.bundle_entries) as usize;
        let Some([start, end]) = places.get(at..at + 2) else { return Ok(None) };
        let name = segment_name(index / self.layout.segment_entries);
        let mut bytes = vec![0; (end - start - 2) as usize];
        let read = read_full(storage, &name, start + 2, &mut bytes)?;
        Ok((read == bytes.len()).then_some(bytes))
    }
}

fn read_prefix(storage: &dyn Storage, name: &str, offset: u64) -> io::Result<u16> {
    let mut prefix = [0; 2];
    match read_full(storage, name, offset, &mut prefix)? {
        2 => Ok(u16::from_be_bytes(prefix)),
        _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name}: ends at {offset}"))),
    }
}
