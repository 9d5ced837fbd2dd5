//! The store: rows and cursor in redb. The only file that knows redb and bincode; when they go, another implementation of
//! [`Rows`] takes this file's place and every store is built anew from the record.
//!
//! Everything lies in one table: rows, each behind its own seal, and the cursor under a key of its own. A batch holds both and is
//! one transaction, durable when it is committed: a crash leaves rows and cursor of one size.
//!
//! The cursor is coded by hand, so that its schema number can be read whatever the rows look like:
//!
//! ```text
//! schema 4 bytes ‖ size 8 ‖ root 32 ‖ number of rows 8 ‖ seal 16 ‖ ledger id       numbers big-endian
//! ```
//!
//! The seal of a row is the first 16 bytes of SHA-256(key's length, 2 bytes ‖ key ‖ row); it lies before the row and is looked at
//! whenever the row is read. The **seal** of the store is the sum of all of them, modulo 2^128. The one tells damage and a row
//! changed by hand; the other, when the store is read through, also one taken away or added. Neither tells somebody who makes
//! new seals too, against whom only building the views anew helps.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{ReadOnlyTable, ReadableDatabase as _, TableDefinition};
use sha2::{Digest as _, Sha256};
use signer::value::{LedgerId, TreeRoot};

use crate::ProjectorError;
use crate::keys::{KEY_BYTES_MAX, Key, Prefix};
use crate::rows::{Changes, Cursor, PAGE_ROWS_MAX, ROW_BYTES_MAX, Row, Rows, SCHEMA};

/// The file in the store's folder.
const FILE: &str = "db";
const TABLE: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("rows");
/// Rows to read, as they were committed.
type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;
/// No key of a row begins with a zero byte.
const CURSOR: &[u8] = b"\0cursor";
/// Memory that the engine keeps pages in, in bytes.
const CACHE_BYTES: usize = 64 << 20;
/// Length of a row's seal, in bytes.
const SEAL_BYTES: usize = 16;

/// Rows in a folder.
pub struct Store {
    engine: Engine,
    /// The rows as they were committed last; nothing before the first batch.
    table: Option<Table>,
    head: Option<Head>,
    /// After a batch failed, the store is to be opened, and read through, again.
    is_poisoned: bool,
}

enum Engine {
    Writable(redb::Database),
    ReadOnly(redb::ReadOnlyDatabase),
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

fn seal_of(key: &[u8], row: &[u8]) -> [u8; SEAL_BYTES] {
    // A key has at most `KEY_BYTES_MAX` bytes, so two bytes hold its length.
    let digest = Sha256::new().chain_update((key.len() as u16).to_be_bytes()).chain_update(key).chain_update(row).finalize();
    let (first, _) = digest.split_first_chunk().unwrap_or_else(|| unreachable!("SHA-256 has 32 bytes"));
    *first
}

fn failed<E: Into<redb::Error>>(step: &'static str) -> impl Fn(E) -> ProjectorError {
    move |error| {
        let source = match error.into() {
            redb::Error::Io(source) => source,
            other => io::Error::other(other),
        };
        ProjectorError::Storage { step, source }
    }
}

/// The engine may answer damage with a panic.
fn guarded<T>(step: &'static str, act: impl FnOnce() -> Result<T, ProjectorError>) -> Result<T, ProjectorError> {
    catch_unwind(AssertUnwindSafe(act))
        .unwrap_or_else(|_| Err(ProjectorError::Storage { step, source: io::Error::other("the storage engine panicked") }))
}

fn builder() -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
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

/// A row that is the one that was written under this key, with its seal.
fn decode_row(key: &[u8], sealed: &[u8]) -> Result<(Key, Row, [u8; SEAL_BYTES]), ProjectorError> {
    let config = bincode::config::standard().with_limit::<ROW_BYTES_MAX>();
    let unreadable = |what: String| ProjectorError::Row { key: String::from_utf8_lossy(key).escape_debug().to_string(), what };
    let decoded = Key::decode(key).ok_or_else(|| unreadable("no key of a row".to_owned()))?;
    let (seal, bytes) = sealed.split_first_chunk().ok_or_else(|| unreadable("shorter than a seal".to_owned()))?;
    if seal_of(key, bytes) != *seal {
        return Err(unreadable("not the row that was written".to_owned()));
    }
    let (row, read) = bincode::serde::decode_from_slice::<Row, _>(bytes, config).map_err(|error| unreadable(error.to_string()))?;
    if read == bytes.len() { Ok((decoded, row, *seal)) } else { Err(unreadable(format!("{} bytes too many", bytes.len() - read))) }
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
            let row_bytes = (SEAL_BYTES + encode_row(key, row)?.len()) as u64;
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
        const STEP: &str = "opening the views";
        guarded(STEP, || {
            std::fs::create_dir_all(folder).map_err(ProjectorError::storage(STEP))?;
            let engine = builder().create(folder.join(FILE)).map_err(failed(STEP))?;
            let store = Store::of(Engine::Writable(engine))?;
            store.read_through()?;
            Ok(store)
        })
    }

    /// Opens the store of a folder to read some rows of it: each that is read is one that this program wrote under its key;
    /// whether rows are missing is not looked at.
    ///
    /// # Errors
    /// Any error means that the store is to be opened the other way.
    pub fn open_unread(folder: &Path) -> Result<Store, ProjectorError> {
        const STEP: &str = "opening the views to read";
        guarded(STEP, || {
            let engine = builder().open_read_only(folder.join(FILE)).map_err(failed(STEP))?;
            Store::of(Engine::ReadOnly(engine))
        })
    }

    fn of(engine: Engine) -> Result<Store, ProjectorError> {
        let table = table(&engine)?;
        let head = table.as_ref().map(|table| table.get(CURSOR).map_err(failed("reading the cursor"))).transpose()?.flatten();
        let head = head.map(|bytes| Head::decode(bytes.value())).transpose()?;
        Ok(Store { engine, table, head, is_poisoned: false })
    }

    fn read_through(&self) -> Result<(), ProjectorError> {
        const STEP: &str = "reading the views through";
        let (mut rows, mut seal) = (0, 0u128);
        let all = self.table.as_ref().map(|table| table.range::<&[u8]>(..).map_err(failed(STEP))).transpose()?;
        for row in all.into_iter().flatten() {
            let (key, row) = row.map_err(failed(STEP))?;
            if key.value() != CURSOR {
                rows += 1;
                seal = seal.wrapping_add(u128::from_be_bytes(decode_row(key.value(), row.value())?.2));
            }
        }
        let expected = self.head.as_ref().map_or((0, 0), |head| (head.rows, head.seal));
        if (rows, seal) == expected { Ok(()) } else { Err(ProjectorError::Seal { expected: expected.0, found: rows }) }
    }

    fn table(&self) -> Result<Option<&Table>, ProjectorError> {
        if self.is_poisoned {
            let source = io::Error::other("an earlier batch failed; open the views again");
            return Err(ProjectorError::Storage { step: "using the views", source });
        }
        Ok(self.table.as_ref())
    }

    /// Rows and cursor in one transaction; gives the new cursor.
    fn write(&self, changes: &Changes, cursor: Cursor) -> Result<Head, ProjectorError> {
        const STEP: &str = "writing rows";
        let Engine::Writable(engine) = &self.engine else {
            return Err(ProjectorError::Storage { step: STEP, source: io::Error::other("the views were opened to read only") });
        };
        let (mut rows, mut seal) = self.head.as_ref().map_or((0, 0), |head| (head.rows, head.seal));
        // In order of their keys, neighbours fall into pages that were just written.
        let mut sorted: Vec<(Vec<u8>, &Key, &Row)> = changes.rows.iter().map(|(key, row)| (key.encode(), key, row.as_ref())).collect();
        sorted.sort_unstable_by(|(a, ..), (b, ..)| a.cmp(b));
        let batch = engine.begin_write().map_err(failed(STEP))?;
        {
            let mut table = batch.open_table(TABLE).map_err(failed(STEP))?;
            for (bytes, key, row) in sorted {
                let row = encode_row(key, row)?;
                let new = seal_of(&bytes, &row);
                let sealed = [&new[..], &row].concat();
                match table.insert(bytes.as_slice(), sealed.as_slice()).map_err(failed(STEP))? {
                    Some(old) => seal = seal.wrapping_sub(u128::from_be_bytes(decode_row(&bytes, old.value())?.2)),
                    None => rows += 1,
                }
                seal = seal.wrapping_add(u128::from_be_bytes(new));
            }
            let head = Head { cursor, rows, seal };
            table.insert(CURSOR, head.encode().as_slice()).map_err(failed(STEP))?;
            drop(table);
            // The commit point.
            batch.commit().map_err(failed(STEP))?;
            Ok(head)
        }
    }
}

fn table(engine: &Engine) -> Result<Option<Table>, ProjectorError> {
    const STEP: &str = "looking for rows";
    let reading = match engine {
        Engine::Writable(engine) => engine.begin_read(),
        Engine::ReadOnly(engine) => engine.begin_read(),
    };
    match reading.map_err(failed(STEP))?.open_table(TABLE) {
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        opened => opened.map(Some).map_err(failed(STEP)),
    }
}

impl Rows for Store {
    fn cursor(&self) -> Result<Option<Cursor>, ProjectorError> {
        Ok(self.head.as_ref().map(|head| head.cursor.clone()))
    }

    fn row(&self, key: &Key) -> Result<Option<Row>, ProjectorError> {
        const STEP: &str = "reading a row";
        let bytes = key.encode();
        let Some(table) = self.table()? else { return Ok(None) };
        guarded(STEP, || {
            let row = table.get(bytes.as_slice()).map_err(failed(STEP))?;
            row.map(|row| Ok(decode_row(&bytes, row.value())?.1)).transpose()
        })
    }

    fn page(&self, prefix: &Prefix, after: Option<&Key>, most: usize) -> Result<Vec<(Key, Row)>, ProjectorError> {
        use std::ops::Bound;
        const STEP: &str = "reading rows";
        let first = match after {
            Some(key) => Bound::Excluded(key.encode()),
            None if prefix.bytes().is_empty() => Bound::Excluded(CURSOR.to_vec()),
            None => Bound::Included(prefix.bytes().to_vec()),
        };
        let Some(table) = self.table()? else { return Ok(Vec::new()) };
        guarded(STEP, || {
            let mut page = Vec::new();
            let range = (first.as_ref().map(Vec::as_slice), Bound::<&[u8]>::Unbounded);
            for row in table.range::<&[u8]>(range).map_err(failed(STEP))? {
                let (key, row) = row.map_err(failed(STEP))?;
                if page.len() >= most.min(PAGE_ROWS_MAX) || !key.value().starts_with(prefix.bytes()) {
                    break;
                }
                let (key, row, _) = decode_row(key.value(), row.value())?;
                page.push((key, row));
            }
            Ok(page)
        })
    }

    fn commit(&mut self, changes: Changes, cursor: Cursor) -> Result<(), ProjectorError> {
        changes.follow(self.head.as_ref().map(|head| &head.cursor))?;
        self.table()?;
        // What is still being read is not written over: let go of it first.
        self.table = None;
        self.is_poisoned = true;
        let head = guarded("writing rows", || {
            let head = self.write(&changes, cursor)?;
            Ok((head, table(&self.engine)?))
        });
        let (head, table) = head?;
        (self.head, self.table, self.is_poisoned) = (Some(head), table, false);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ProjectorError> {
        // Every batch is durable when it was committed.
        self.table().map(|_| ())
    }
}

/// Changes rows of a store behind its back, as somebody with a tool of the engine's could: for tests.
#[cfg(feature = "tamper")]
pub mod tamper {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::{CURSOR, FILE, ProjectorError, SEAL_BYTES, TABLE, builder, failed, seal_of};

    /// The key under which the cursor lies; the first four bytes of its row are the schema number.
    pub const CURSOR_KEY: &[u8] = CURSOR;

    /// A row behind the seal that the store would give it.
    pub fn sealed(key: &[u8], row: &[u8]) -> Vec<u8> {
        [&seal_of(key, row)[..], row].concat()
    }

    /// What of a store's bytes is the row.
    pub fn row_of(sealed: &[u8]) -> &[u8] {
        &sealed[SEAL_BYTES..]
    }

    /// Shows all bytes, and keeps what `edit` makes of them.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn edit(folder: &Path, edit: impl FnOnce(&mut BTreeMap<Vec<u8>, Vec<u8>>)) -> Result<(), ProjectorError> {
        use redb::ReadableTable as _;
        const STEP: &str = "changing rows by hand";
        let engine = builder().open(folder.join(FILE)).map_err(failed(STEP))?;
        let batch = engine.begin_write().map_err(failed(STEP))?;
        {
            let mut table = batch.open_table(TABLE).map_err(failed(STEP))?;
            let mut rows = BTreeMap::new();
            for row in table.range::<&[u8]>(..).map_err(failed(STEP))? {
                let (key, row) = row.map_err(failed(STEP))?;
                rows.insert(key.value().to_vec(), row.value().to_vec());
            }
            edit(&mut rows);
            table.retain(|_, _| false).map_err(failed(STEP))?;
            for (key, row) in &rows {
                table.insert(key.as_slice(), row.as_slice()).map_err(failed(STEP))?;
            }
        }
        batch.commit().map_err(failed(STEP))
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
