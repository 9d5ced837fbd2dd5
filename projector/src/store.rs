//! The store: rows and cursor in sled. The only file that knows sled and bincode; when they go, another implementation of
//! [`Rows`] takes this file's place and every store is built anew from the record.
//!
//! sled is atomic only within one tree, so everything lies in its default one: rows, and the cursor under a key of its own. A
//! batch holds both, so a crash leaves rows and cursor of one size. What was not flushed may be lost, last first.
//!
//! The cursor is coded by hand, so that its schema number can be read whatever the rows look like:
//!
//! ```text
//! schema 4 bytes ‖ size 8 ‖ root 32 ‖ number of rows 8 ‖ seal 16 ‖ ledger id       numbers big-endian
//! ```
//!
//! The **seal** is the sum, modulo 2^128, of the first 16 bytes of SHA-256(key's length, 2 bytes ‖ key ‖ row) over all rows. It
//! tells damage, a row changed by hand, one taken away or added; not somebody who makes a new seal too, against whom only
//! building the views anew helps.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use signer::value::{LedgerId, TreeRoot};

use crate::ProjectorError;
use crate::keys::{KEY_BYTES_MAX, Key, Prefix};
use crate::rows::{Changes, Cursor, PAGE_ROWS_MAX, ROW_BYTES_MAX, Row, Rows, SCHEMA};

/// No key of a row begins with a zero byte.
const CURSOR: &[u8] = b"\0cursor";
/// Memory that sled keeps pages in, in bytes.
const CACHE_BYTES: u64 = 64 << 20;
/// How often a store is tried to be opened while this process still lets go of it, and how long each time.
const OPEN_ATTEMPTS_MAX: u32 = 400;
const OPEN_PAUSE: Duration = Duration::from_millis(5);

/// Rows in a folder.
pub struct Store {
    tree: sled::Db,
    head: Option<Head>,
    /// After a batch failed, rows may be of two sizes until the store is opened, and read through, again.
    is_poisoned: bool,
}

/// The cursor, with what says that the rows are those that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    cursor: Cursor,
    rows: u64,
    seal: u128,
}

impl Head {
    const FIXED_BYTES: usize = 4 + 8 + 32 + 8 + 16;

    fn encode(&self) -> Vec<u8> {
        let cursor = &self.cursor;
        let mut bytes = Vec::with_capacity(Self::FIXED_BYTES + cursor.ledger.as_str().len());
        bytes.extend(SCHEMA.to_be_bytes());
        bytes.extend(cursor.size.to_be_bytes());
        bytes.extend(cursor.root.0);
        bytes.extend(self.rows.to_be_bytes());
        bytes.extend(self.seal.to_be_bytes());
        bytes.extend(cursor.ledger.as_str().as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Head, ProjectorError> {
        let unreadable = || ProjectorError::Row { key: "cursor".to_owned(), what: "not a cursor".to_owned() };
        let (schema, rest) = bytes.split_first_chunk().ok_or_else(unreadable)?;
        let schema = u32::from_be_bytes(*schema);
        if schema != SCHEMA {
            return Err(ProjectorError::Schema { expected: SCHEMA, found: schema });
        }
        let (size, rest) = rest.split_first_chunk().ok_or_else(unreadable)?;
        let (root, rest) = rest.split_first_chunk().ok_or_else(unreadable)?;
        let (rows, rest) = rest.split_first_chunk().ok_or_else(unreadable)?;
        let (seal, rest) = rest.split_first_chunk().ok_or_else(unreadable)?;
        let ledger = core::str::from_utf8(rest).ok().and_then(LedgerId::parse).ok_or_else(unreadable)?;
        let cursor = Cursor { ledger, size: u64::from_be_bytes(*size), root: TreeRoot(*root) };
        Ok(Head { cursor, rows: u64::from_be_bytes(*rows), seal: u128::from_be_bytes(*seal) })
    }
}

fn seal_of(key: &[u8], row: &[u8]) -> u128 {
    // A key has at most `KEY_BYTES_MAX` bytes, so two bytes hold its length.
    let digest = Sha256::new().chain_update((key.len() as u16).to_be_bytes()).chain_update(key).chain_update(row).finalize();
    let (first, _) = digest.split_first_chunk::<16>().unwrap_or_else(|| unreachable!("SHA-256 has 32 bytes"));
    u128::from_be_bytes(*first)
}

fn sled_failed(step: &'static str) -> impl Fn(sled::Error) -> ProjectorError {
    move |error| {
        let source = match error {
            sled::Error::Io(source) => source,
            other => io::Error::other(other),
        };
        ProjectorError::Storage { step, source }
    }
}

/// Opens sled. A store that was dropped keeps its file locked until sled's own threads have let go of it, a moment later; who
/// else could hold it is kept out by the lock of [`crate::generations`].
fn open_tree(folder: &Path) -> Result<sled::Db, ProjectorError> {
    let mut attempts = 1;
    loop {
        let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        match config.open() {
            Err(sled::Error::Io(error)) if attempts < OPEN_ATTEMPTS_MAX && error.to_string().starts_with("could not acquire lock") => {
                attempts += 1;
                thread::sleep(OPEN_PAUSE);
            }
            opened => return opened.map_err(sled_failed("opening the views")),
        }
    }
}

fn encode_row(key: &Key, row: &Row) -> Result<Vec<u8>, ProjectorError> {
    let config = bincode::config::standard().with_limit::<ROW_BYTES_MAX>();
    let too_long = |bytes, bytes_max| ProjectorError::RowTooLong { key: key.to_string(), bytes, bytes_max };
    let bytes = bincode::serde::encode_to_vec(row, config)
        .map_err(|error| ProjectorError::Row { key: key.to_string(), what: error.to_string() })?;
    if bytes.len() > ROW_BYTES_MAX {
        return Err(too_long(bytes.len(), ROW_BYTES_MAX));
    }
    let key_bytes = key.encode().len();
    if key_bytes > KEY_BYTES_MAX { Err(too_long(key_bytes, KEY_BYTES_MAX)) } else { Ok(bytes) }
}

fn decode_row(key: &[u8], bytes: &[u8]) -> Result<(Key, Row), ProjectorError> {
    let config = bincode::config::standard().with_limit::<ROW_BYTES_MAX>();
    let unreadable = |what: String| ProjectorError::Row { key: String::from_utf8_lossy(key).escape_debug().to_string(), what };
    let decoded = Key::decode(key).ok_or_else(|| unreadable("no key of a row".to_owned()))?;
    let (row, read) = bincode::serde::decode_from_slice::<Row, _>(bytes, config).map_err(|error| unreadable(error.to_string()))?;
    if read == bytes.len() { Ok((decoded, row)) } else { Err(unreadable(format!("{} bytes too many", bytes.len() - read))) }
}

/// How large rows are as a store keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Number of rows.
    pub rows: u64,
    /// Keys and rows, in bytes; what the engine adds is not counted.
    pub bytes: u64,
    /// The longest row, in bytes.
    pub row_bytes_max: u64,
}

/// Measures rows.
///
/// # Errors
/// Those of the rows, and [`ProjectorError::RowTooLong`].
pub fn size(rows: &dyn Rows) -> Result<Size, ProjectorError> {
    let mut size = Size::default();
    let mut after: Option<Key> = None;
    loop {
        let page = rows.page(&Prefix::all(), after.as_ref(), PAGE_ROWS_MAX)?;
        for (key, row) in &page {
            let row_bytes = encode_row(key, row)?.len() as u64;
            size.rows += 1;
            size.bytes += key.encode().len() as u64 + row_bytes;
            size.row_bytes_max = size.row_bytes_max.max(row_bytes);
        }
        match page.into_iter().next_back() {
            Some((last, _)) => after = Some(last),
            None => return Ok(size),
        }
    }
}

impl Store {
    /// Opens the store of a folder, or makes one there, and reads it through: every row is one that this program wrote, none is
    /// missing, none is too many.
    ///
    /// # Errors
    /// Any error means that the store is not to be used.
    pub fn open(folder: &Path) -> Result<Store, ProjectorError> {
        // sled answers some damage with a panic.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let store = Store::open_unchecked(folder)?;
            store.read_through()?;
            Ok(store)
        }));
        opened.unwrap_or_else(|_| {
            Err(ProjectorError::Storage { step: "opening the views", source: io::Error::other("the storage engine panicked") })
        })
    }

    fn open_unchecked(folder: &Path) -> Result<Store, ProjectorError> {
        let tree = open_tree(folder)?;
        let head = tree.get(CURSOR).map_err(sled_failed("reading the cursor"))?;
        let head = head.map(|bytes| Head::decode(&bytes)).transpose()?;
        Ok(Store { tree, head, is_poisoned: false })
    }

    fn read_through(&self) -> Result<(), ProjectorError> {
        let (mut rows, mut seal) = (0, 0u128);
        for row in &*self.tree {
            let (key, row) = row.map_err(sled_failed("reading the views through"))?;
            if key != CURSOR {
                decode_row(&key, &row)?;
                rows += 1;
                seal = seal.wrapping_add(seal_of(&key, &row));
            }
        }
        let expected = self.head.as_ref().map_or((0, 0), |head| (head.rows, head.seal));
        if (rows, seal) == expected { Ok(()) } else { Err(ProjectorError::Seal { expected: expected.0, found: rows }) }
    }
}

impl Store {
    fn tree(&self) -> Result<&sled::Db, ProjectorError> {
        if self.is_poisoned {
            let source = io::Error::other("an earlier batch failed; open the views again");
            return Err(ProjectorError::Storage { step: "using the views", source });
        }
        Ok(&self.tree)
    }
}

impl Rows for Store {
    fn cursor(&self) -> Result<Option<Cursor>, ProjectorError> {
        Ok(self.head.as_ref().map(|head| head.cursor.clone()))
    }

    fn row(&self, key: &Key) -> Result<Option<Row>, ProjectorError> {
        let bytes = key.encode();
        let row = self.tree()?.get(&bytes).map_err(sled_failed("reading a row"))?;
        row.map(|row| Ok(decode_row(&bytes, &row)?.1)).transpose()
    }

    fn page(&self, prefix: &Prefix, after: Option<&Key>, most: usize) -> Result<Vec<(Key, Row)>, ProjectorError> {
        use std::ops::Bound;
        let first = match after {
            Some(key) => Bound::Excluded(key.encode()),
            None if prefix.bytes().is_empty() => Bound::Excluded(CURSOR.to_vec()),
            None => Bound::Included(prefix.bytes().to_vec()),
        };
        let mut page = Vec::new();
        for row in self.tree()?.range((first, Bound::Unbounded)) {
            let (key, row) = row.map_err(sled_failed("reading rows"))?;
            if page.len() >= most.min(PAGE_ROWS_MAX) || !key.starts_with(prefix.bytes()) {
                break;
            }
            page.push(decode_row(&key, &row)?);
        }
        Ok(page)
    }

    fn commit(&mut self, changes: Changes, cursor: Cursor) -> Result<(), ProjectorError> {
        changes.follow(self.head.as_ref().map(|head| &head.cursor))?;
        let (mut rows, mut seal) = self.head.as_ref().map_or((0, 0), |head| (head.rows, head.seal));
        let mut batch = sled::Batch::default();
        for (key, row) in &changes.rows {
            let (bytes, new) = (key.encode(), encode_row(key, row)?);
            match self.tree()?.get(&bytes).map_err(sled_failed("reading a row"))? {
                Some(old) => seal = seal.wrapping_sub(seal_of(&bytes, &old)),
                None => rows += 1,
            }
            seal = seal.wrapping_add(seal_of(&bytes, &new));
            batch.insert(bytes, new);
        }
        let head = Head { cursor, rows, seal };
        batch.insert(CURSOR, head.encode());
        // The commit point: rows and cursor, in one tree and one batch.
        self.is_poisoned = true;
        self.tree.apply_batch(batch).map_err(sled_failed("writing rows"))?;
        self.is_poisoned = false;
        self.head = Some(head);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ProjectorError> {
        self.tree()?.flush().map(|_| ()).map_err(sled_failed("making rows durable"))
    }
}

/// Changes rows of a store behind its back, as somebody with a tool of sled's could: for tests.
#[cfg(feature = "tamper")]
pub mod tamper {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::{CURSOR, ProjectorError, open_tree, sled_failed};

    /// The key under which the cursor lies; the first four bytes of its row are the schema number.
    pub const CURSOR_KEY: &[u8] = CURSOR;

    /// Shows all bytes, and keeps what `edit` makes of them.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn edit(folder: &Path, edit: impl FnOnce(&mut BTreeMap<Vec<u8>, Vec<u8>>)) -> Result<(), ProjectorError> {
        let tree = open_tree(folder)?;
        let mut rows = BTreeMap::new();
        for row in &*tree {
            let (key, row) = row.map_err(sled_failed("reading the views"))?;
            rows.insert(key.to_vec(), row.to_vec());
        }
        edit(&mut rows);
        tree.clear().map_err(sled_failed("clearing the views"))?;
        for (key, row) in rows {
            tree.insert(key, row).map_err(sled_failed("writing a row"))?;
        }
        tree.flush().map(|_| ()).map_err(sled_failed("making rows durable"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rows::{
        ATTEMPTS_MAX, AttemptRow, BATCH_ROW_CASES_MAX, BatchCasesRow, BatchRow, CaseRow, DaysRow, FileRow, LIST_ROW_LINES_MAX, LineRow,
        ListLinesRow, MarkRow, PaymentRow, ProcedureRow, ResultRow, SIGNED_MAX, WaitingRow,
    };

    /// What a procedure may have (format.md section 7): steps, offices, holidays; the last date, in days since 1970-01-01.
    const STEPS_MAX: usize = 64;
    const OFFICES_MAX: usize = 64;
    const DATES_MAX: usize = 1_000;
    const DAY_LAST: i64 = 2_932_896;

    /// The longest rows that grow with what people do: none is longer than a row may be.
    #[test]
    fn no_list_batch_or_case_outgrows_its_row() {
        let (key, long) = (Key::Ledger, "x".repeat(40));
        let line = LineRow::Result { case: long.clone(), failed: Some(long.clone()) };
        let pays = LineRow::Case { case: long.clone(), head: [7; 32], fen: Some(u64::MAX) };
        let result = ResultRow { entry: u64::MAX, failed: Some(long.clone()) };
        let attempt = AttemptRow { batch: long.clone(), entry: u64::MAX, result: Some(result) };
        let mark = Arc::new(MarkRow { step: long.clone(), entry: u64::MAX, is_late: Some(true) });
        let (attempts, marks) = (vec![attempt; ATTEMPTS_MAX], vec![mark; STEPS_MAX]);
        // A step has one mark: on the case, or on the payment.
        let payment = PaymentRow { list: long.clone(), locked: u64::MAX, fen: u64::MAX, attempts, marks };
        let file = FileRow {
            unit: long.clone(),
            scheme: long.clone(),
            tier: long.clone(),
            period: 9_999,
            stopped: None,
            dropped: None,
            flags: u64::MAX,
            first_open: u64::MAX,
            payment: Some(payment),
            marks: Vec::new(),
            referred_ms: i64::MAX,
        };
        let offices = vec!["x".repeat(32); OFFICES_MAX];
        let procedure = ProcedureRow {
            offset_minutes: i16::MIN,
            working: vec![7; 7],
            holidays: vec![DAY_LAST; DATES_MAX],
            workdays: vec![DAY_LAST; DATES_MAX],
            answer: Some(DaysRow { days: u64::MAX, are_working: true }),
            opens: Some(long.clone()),
            locks: Some(long.clone()),
            answers: offices.clone(),
            releases: offices,
        };
        let rows = [
            Row::ListLines(ListLinesRow { entry: u64::MAX, lines: vec![line; LIST_ROW_LINES_MAX] }),
            Row::ListLines(ListLinesRow { entry: u64::MAX, lines: vec![pays; LIST_ROW_LINES_MAX] }),
            Row::BatchCases(BatchCasesRow { cases: vec![long.clone(); BATCH_ROW_CASES_MAX] }),
            Row::Case(CaseRow { head: Some(([7; 32], u64::MAX)), entries: u64::MAX, file: Some(file) }),
            Row::Procedure(procedure),
            Row::Batch(BatchRow {
                list: long.clone(),
                entry: u64::MAX,
                locked: (u64::MAX, u64::MAX),
                rows: u64::MAX,
                void: Some(u64::MAX),
                marks: vec![(long.clone(), i64::MAX); STEPS_MAX],
            }),
            Row::Waiting(WaitingRow {
                entry: u64::MAX,
                text: "x".repeat(2_000),
                signed: vec![u64::MAX; SIGNED_MAX],
                persons: u64::MAX,
                offices: (0..64).map(|number| format!("{number:032}")).collect(),
            }),
        ];
        for row in rows {
            assert!(encode_row(&key, &row).unwrap().len() <= ROW_BYTES_MAX);
        }
    }
}
