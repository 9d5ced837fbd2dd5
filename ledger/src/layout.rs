//! By which numbers entries are laid out in files.

/// Entries of a full segment: 256 bundles of 256.
pub const SEGMENT_ENTRIES: u64 = 65_536;
/// Entries of a bundle.
const BUNDLE_ENTRIES: u64 = 256;
/// A segment grows by this many zeros at a time, so that an append changes no metadata, which every sync would have to write
/// too (docs/decisions/0003).
const PREWRITTEN_BYTES: u64 = 1 << 20;

/// The numbers by which entries are laid out in files. A folder has the format's; a simulated disk may have small ones, so that
/// a test crosses every border in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Entries of a full segment.
    pub segment_entries: u64,
    /// Entries of a bundle; bundles fill a segment.
    pub bundle_entries: u64,
    /// Bytes by which a segment grows.
    pub prewritten_bytes: u64,
}

impl Layout {
    /// That of format.md section 9.
    pub const FORMAT: Layout =
        Layout { segment_entries: SEGMENT_ENTRIES, bundle_entries: BUNDLE_ENTRIES, prewritten_bytes: PREWRITTEN_BYTES };
}

impl Default for Layout {
    fn default() -> Layout {
        Layout::FORMAT
    }
}
