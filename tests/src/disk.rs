//! A simulated disk: what was written, what of it is durable, and a plan of what fails.
//!
//! Content is durable block by block after [`Storage::sync`], names after [`Storage::sync_folder`]. After a failed sync the blocks
//! that were waiting are lost though they can still be read: a second sync succeeds and writes nothing, as kernels do. At a
//! crash any subset of what was not durable may have reached the disk.

mod content;
mod fault;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger::layout::Layout;
use ledger::segment::{SEGMENTS, SLOTS, encode_slot, segment_name};
use ledger::storage::Storage;

pub use content::{BLOCK_BYTES, Content};
pub use fault::{Fault, Kind, Mode, Op, Random, failure};

use crate::World;

/// A file: its content as it can be read, and as it would be after a power loss.
#[derive(Clone, Default, Hash)]
struct File {
    now: Content,
    durable: Content,
    /// Blocks that the next sync writes.
    waiting: BTreeSet<u64>,
    /// Whether the next sync writes the length.
    length_waits: bool,
}

impl File {
    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let length = self.now.length();
        self.waiting.extend(self.now.write(offset, bytes));
        self.length_waits |= self.now.length() != length;
    }

    fn set_len(&mut self, length: u64) {
        self.length_waits |= self.now.length() != length;
        self.waiting.extend(self.now.set_len(length));
    }

    /// Makes durable those waiting blocks that `keeps` says; nothing waits any more.
    fn sync(&mut self, mut keeps: impl FnMut() -> bool) {
        let mut written_to = 0;
        if self.length_waits && keeps() {
            self.durable.set_len(self.now.length());
        }
        for block in std::mem::take(&mut self.waiting) {
            if keeps() {
                self.durable.copy_block(&self.now, block);
                written_to = self.now.length().min((block + 1) * BLOCK_BYTES);
            }
        }
        // A block on the disk makes the file at least as long.
        self.durable.grow_to(written_to);
        self.length_waits = false;
    }
}

/// Which unsynced writes reach the disk when power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// None.
    Nothing,
    /// All.
    Everything,
    /// An arbitrary subset of blocks and names.
    Some(u64),
}

#[derive(Clone, Default, Hash)]
struct Medium {
    files: BTreeMap<u64, File>,
    next_file: u64,
    names: BTreeMap<String, u64>,
    names_durable: BTreeMap<String, u64>,
    folders: BTreeSet<String>,
    folders_durable: BTreeSet<String>,
}

#[derive(Clone, Default)]
struct State {
    medium: Medium,
    layout: Layout,
    capacity: Option<u64>,
    fault: Option<Fault>,
    has_fired: bool,
    is_off: bool,
    operations: Vec<Op>,
    /// Every content that anybody tried to write to a slot.
    slots_written: Vec<Vec<u8>>,
}

/// A handle on a simulated disk; clones share it.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    /// An empty disk.
    pub fn new(layout: Layout) -> Disk {
        Disk(Arc::new(Mutex::new(State { layout, ..State::default() })))
    }

    /// A disk with the files of a world, all durable.
    pub fn holding(world: &World, layout: Layout) -> Disk {
        let disk = Disk::new(layout);
        let mut writer = disk.clone();
        let mut write = |name: &str, bytes: &[u8]| writer.write_at(name, 0, bytes).unwrap();
        write("ledger", format!("zeren ledger v1\n{}\n", world.id).as_bytes());
        for (number, part) in world.entries.chunks(layout.segment_entries as usize).enumerate() {
            let mut file: Vec<u8> =
                part.iter().flat_map(|entry| [&(entry.bytes.len() as u16).to_be_bytes()[..], &entry.bytes].concat()).collect();
            file.resize(file.len().next_multiple_of(layout.prewritten_bytes as usize), 0);
            write(&segment_name(number as u64), &file);
        }
        let size = world.history.size();
        for (slot, size) in SLOTS.iter().zip([size, size - 1]) {
            if size > 0 {
                write(slot, &encode_slot(&world.checkpoint_at(size)));
            }
        }
        for (level, nodes) in world.history.tree().levels().iter().enumerate() {
            write(&format!("hashes/{level}"), &nodes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>());
        }
        disk.crash(Kept::Everything);
        disk.lock().operations.clear();
        disk
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy that goes its own way.
    #[must_use]
    pub fn fork(&self) -> Disk {
        Disk(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// Plans one fault, counted from now on; forgets what was done.
    pub fn plan(&self, fault: Option<Fault>) {
        let mut state = self.lock();
        state.fault = fault;
        state.has_fired = false;
        state.operations.clear();
    }

    /// Whether the planned fault came.
    #[must_use]
    pub fn has_fired(&self) -> bool {
        self.lock().has_fired
    }

    /// Bytes that all files together may have; more is refused with `StorageFull`.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.lock().capacity = capacity;
    }

    /// Bytes that all files together have.
    #[must_use]
    pub fn used(&self) -> u64 {
        let state = self.lock();
        state.medium.used()
    }

    /// What was done since the last plan.
    #[must_use]
    pub fn operations(&self) -> Vec<Op> {
        self.lock().operations.clone()
    }

    /// Every content that anybody tried to write to a slot.
    #[must_use]
    pub fn slots_written(&self) -> Vec<Vec<u8>> {
        self.lock().slots_written.clone()
    }

    /// What tells two disks apart, waiting writes included.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.lock().medium.hash(&mut hasher);
        hasher.finish()
    }

    /// The process ends, the machine goes on: what was written can be read, what a sync lost stays lost.
    pub fn restart(&self) {
        let mut state = self.lock();
        state.fault = None;
        state.is_off = false;
    }

    /// Power fails, and comes back.
    pub fn crash(&self, kept: Kept) {
        let mut random = match kept {
            Kept::Some(seed) => Random::new(seed),
            Kept::Nothing | Kept::Everything => Random::new(0),
        };
        let mut keeps = || match kept {
            Kept::Nothing => false,
            Kept::Everything => true,
            Kept::Some(_) => random.below(2) == 0,
        };
        let mut state = self.lock();
        state.medium.crash(&mut keeps);
        state.fault = None;
        state.is_off = false;
    }

    /// Changes a file behind everybody's back, durably.
    pub fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        let Some(file) = state.medium.file_mut(name) else { return };
        let mut bytes = file.now.bytes();
        change(&mut bytes);
        let mut content = Content::default();
        content.write(0, &bytes);
        *file = File { now: content.clone(), durable: content, ..File::default() };
    }

    /// Takes a file away, durably.
    pub fn remove(&self, name: &str) {
        let mut state = self.lock();
        state.medium.names.remove(name);
        state.medium.names_durable.remove(name);
    }

    /// Names of all files.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().medium.names.keys().cloned().collect()
    }
}

impl Medium {
    fn file(&self, name: &str) -> Option<&File> {
        self.files.get(self.names.get(name)?)
    }

    fn file_mut(&mut self, name: &str) -> Option<&mut File> {
        self.files.get_mut(self.names.get(name)?)
    }

    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[file].now.length()).sum()
    }

    fn created(&mut self, name: &str) -> &mut File {
        if !self.names.contains_key(name) {
            self.folders.insert(folder_of(name).to_owned());
            self.names.insert(name.to_owned(), self.next_file);
            self.files.insert(self.next_file, File::default());
            self.next_file += 1;
        }
        self.file_mut(name).unwrap()
    }

    /// Makes durable what changed among the names of a folder, where `keeps` says so.
    fn sync_folder(&mut self, folder: &str, keeps: &mut dyn FnMut() -> bool) {
        let all: BTreeSet<String> =
            self.names.keys().chain(self.names_durable.keys()).filter(|name| folder_of(name) == folder).cloned().collect();
        for name in all {
            let now = self.names.get(&name).copied();
            if now != self.names_durable.get(&name).copied() && keeps() {
                self.keep_name(&name);
            }
        }
        if folder.is_empty() {
            let new: Vec<String> = self.folders.difference(&self.folders_durable).cloned().collect();
            self.folders_durable.extend(new.into_iter().filter(|_| keeps()));
        }
    }

    /// Makes durable what a name means now. A rename is atomic, as journals make it: no file has two names, or none, after a crash.
    fn keep_name(&mut self, name: &str) {
        let moved = self.names_durable.remove(name);
        let moved_to = moved.and_then(|file| self.names.iter().find(|(_, other)| **other == file).map(|(name, _)| name.clone()));
        for name in moved_to.into_iter().chain([name.to_owned()]) {
            if let Some(file) = self.names.get(&name).copied() {
                self.names_durable.retain(|_, other| *other != file);
                self.names_durable.insert(name, file);
            }
        }
    }

    fn crash(&mut self, keeps: &mut dyn FnMut() -> bool) {
        for file in self.files.values_mut() {
            file.sync(&mut *keeps);
            file.now = file.durable.clone();
        }
        for folder in self.folders.clone().iter().chain([&String::new()]) {
            self.sync_folder(folder, keeps);
        }
        let folders = &self.folders_durable;
        self.names_durable.retain(|name, _| folder_of(name).is_empty() || folders.contains(folder_of(name)));
        self.names = self.names_durable.clone();
        self.folders = self.folders_durable.clone();
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.files.retain(|file, _| named.contains(file));
    }
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn missing(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{name}: no such file"))
}

impl State {
    /// Counts an operation; gives the fault that it meets.
    fn meet(&mut self, kind: Kind, name: &str) -> io::Result<Option<Fault>> {
        if self.is_off {
            return Err(failure("the power is off"));
        }
        let at = self.operations.len() as u64;
        self.operations.push(Op { kind, name: name.to_owned() });
        let fault = self.fault.filter(|fault| fault.at == at);
        if let Some(fault) = fault {
            self.has_fired = true;
            self.is_off = fault.mode == Mode::PowerCut;
        }
        Ok(fault)
    }

    /// The length up to which a write fits.
    fn room_for(&self, name: &str, end: u64) -> u64 {
        let length = self.medium.file(name).map_or(0, |file| file.now.length());
        let free = self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.medium.used()));
        end.min(length.saturating_add(free))
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if SLOTS.contains(&name) {
            self.slots_written.push(bytes.to_vec());
        }
        let end = offset + bytes.len() as u64;
        let Some(fault) = self.meet(Kind::Write, name)? else {
            let fits = self.room_for(name, end);
            let file = self.medium.created(name);
            file.write(offset, &bytes[..fits.saturating_sub(offset).min(bytes.len() as u64) as usize]);
            return if fits < end { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) };
        };
        let mut random = Random::new(fault.seed);
        // Half of the writes break in their first block, where a checkpoint's text and signature are.
        let broken_below = if random.below(2) == 0 { BLOCK_BYTES.min(bytes.len() as u64) } else { bytes.len() as u64 };
        let prefix = random.below(broken_below + 1) as usize;
        match fault.mode {
            Mode::Failed => {}
            Mode::Persisted => self.medium.created(name).write(offset, bytes),
            Mode::Short => self.medium.created(name).write(offset, &bytes[..prefix]),
            Mode::NoSpace => {
                // Overwriting needs no space; growing does.
                let length = self.medium.created(name).now.length();
                let fits = length.saturating_sub(offset).min(bytes.len() as u64) as usize;
                self.medium.created(name).write(offset, &bytes[..fits]);
                return Err(io::ErrorKind::StorageFull.into());
            }
            Mode::Torn | Mode::PowerCut => {
                let file = self.medium.created(name);
                file.write(offset, &bytes[..prefix]);
                let blocks = (prefix as u64).div_ceil(BLOCK_BYTES)..(bytes.len() as u64).div_ceil(BLOCK_BYTES);
                for block in blocks.filter(|_| random.below(2) == 0) {
                    let from = (block * BLOCK_BYTES) as usize;
                    let to = bytes.len().min(from + BLOCK_BYTES as usize);
                    file.write(offset + from as u64, &bytes[from..to]);
                }
            }
        }
        Err(fault.error())
    }
}

impl Storage for Disk {
    fn len(&self, name: &str) -> io::Result<Option<u64>> {
        let mut state = self.lock();
        match state.meet(Kind::Read, name)? {
            Some(fault) => Err(fault.error()),
            None => Ok(state.medium.file(name).map(|file| file.now.length())),
        }
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.lock();
        match state.meet(Kind::Read, name)? {
            Some(fault) => Err(fault.error()),
            None => Ok(state.medium.file(name).ok_or_else(|| missing(name))?.now.read(offset, buffer)),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut state = self.lock();
        match state.meet(Kind::Read, folder)? {
            Some(fault) => Err(fault.error()),
            None => Ok(state
                .medium
                .names
                .keys()
                .filter(|name| folder_of(name) == folder)
                .map(|name| name.rsplit('/').next().unwrap().to_owned())
                .collect()),
        }
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.lock().write(name, offset, bytes)
    }

    fn set_len(&mut self, name: &str, length: u64) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.meet(Kind::SetLen, name)?;
        let file = state.medium.file_mut(name).ok_or_else(|| missing(name))?;
        if fault.is_none_or(|fault| fault.mode.is_done(fault.seed)) {
            file.set_len(length);
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.meet(Kind::Sync, name)?;
        let file = state.medium.file_mut(name).ok_or_else(|| missing(name))?;
        match fault {
            None => file.sync(|| true),
            // When power fails during a sync, what was not written yet is no longer waiting for anything.
            Some(fault) => file.sync(fault.mode.keeper(fault.seed)),
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn sync_folder(&mut self, folder: &str) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.meet(Kind::SyncFolder, folder)?;
        if !folder.is_empty() && !state.medium.folders.contains(folder) {
            return Err(missing(folder));
        }
        match fault {
            None => state.medium.sync_folder(folder, &mut || true),
            // Names that a failed sync left out still wait: they are in the file system's journal, which a later sync writes.
            Some(fault) => state.medium.sync_folder(folder, &mut fault.mode.keeper(fault.seed)),
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        let fault = state.meet(Kind::Rename, from)?;
        if fault.is_none_or(|fault| fault.mode.is_done(fault.seed)) {
            let file = state.medium.names.remove(from).ok_or_else(|| missing(from))?;
            state.medium.folders.insert(folder_of(to).to_owned());
            state.medium.names.insert(to.to_owned(), file);
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn layout(&self) -> Layout {
        self.lock().layout
    }
}

/// Whether a name is a segment's.
pub fn is_segment(name: &str) -> bool {
    folder_of(name) == SEGMENTS
}
