//! The machine's clock: the one place where time is read.

use chrono::{Local, Offset as _, Utc};
use signer::value::{Time, UnixMs};

/// Now, for `received`.
pub fn now() -> UnixMs {
    UnixMs(Utc::now().timestamp_millis())
}

/// Now as a device shows it, with this machine's offset.
pub fn device_time() -> Time {
    let now = Local::now();
    let offset_minutes = i16::try_from(now.offset().fix().local_minus_utc() / 60).unwrap_or(0);
    Time { unix_seconds: now.timestamp(), offset_minutes }
}

/// A moment as a device of the given offset shows it.
pub fn at_offset(moment: UnixMs, offset_minutes: i16) -> Time {
    Time { unix_seconds: moment.0.div_euclid(1000), offset_minutes }
}

/// A moment as demonstrations show it: at the offset of their procedure.
pub fn demo_time(moment: UnixMs) -> Time {
    at_offset(moment, 480)
}
