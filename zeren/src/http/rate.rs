//! Rates: so many at once, and so many a second after that, for each name.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Names that are remembered; whoever has rested is forgotten. Those for whom there is no place share one allowance: whoever brings
/// up very many names gains nothing, and those that are remembered lose nothing.
const NAMES_MAX: usize = 65_536;
/// How often at most those who have rested are looked for where there is no place.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// Buckets by name. What is asked before and what is charged after are two steps: only what turned out to be somebody's own is
/// charged to them.
pub struct Rates {
    burst: f64,
    a_second: f64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    buckets: HashMap<String, Bucket>,
    /// The one of all for whom there is no place.
    others: Option<Bucket>,
    forgotten_last: Option<Instant>,
}

impl Known {
    fn has_place(&self, name: &str) -> bool {
        self.buckets.len() < NAMES_MAX || self.buckets.contains_key(name)
    }

    fn bucket(&self, name: &str) -> Option<&Bucket> {
        if self.has_place(name) { self.buckets.get(name) } else { self.others.as_ref() }
    }
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    /// So many at once, and so many a second after that.
    pub fn new(burst: u32, a_second: u32) -> Rates {
        Rates { burst: f64::from(burst), a_second: f64::from(a_second).max(f64::MIN_POSITIVE), known: Mutex::default() }
    }

    /// Whether anything is left for this name.
    ///
    /// # Errors
    /// How long to wait.
    pub fn ask(&self, name: &str, now: Instant) -> Result<(), Duration> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let left = known.bucket(name).map_or(self.burst, |bucket| self.left(bucket, now));
        if left >= 1.0 { Ok(()) } else { Err(Duration::from_secs_f64((1.0 - left) / self.a_second)) }
    }

    /// Charges this name; what is left may fall below nothing.
    pub fn charge(&self, name: &str, count: u32, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let may_forget = known.forgotten_last.is_none_or(|last| now.saturating_duration_since(last) >= FORGET_EVERY);
        if !known.has_place(name) && may_forget {
            known.buckets.retain(|_, bucket| self.left(bucket, now) < self.burst);
            known.forgotten_last = Some(now);
        }
        let left = known.bucket(name).map_or(self.burst, |bucket| self.left(bucket, now));
        let bucket = Bucket { left: left - f64::from(count), at: now };
        if known.has_place(name) {
            known.buckets.insert(name.to_owned(), bucket);
        } else {
            known.others = Some(bucket);
        }
    }

    fn left(&self, bucket: &Bucket, now: Instant) -> f64 {
        let rested = now.saturating_duration_since(bucket.at).as_secs_f64() * self.a_second;
        (bucket.left + rested).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_bucket_that_fills_again() {
        let (rates, start) = (Rates::new(3, 2), Instant::now());
        assert_eq!(rates.ask("a", start), Ok(()));
        rates.charge("a", 3, start);
        assert_eq!(rates.ask("a", start), Err(Duration::from_millis(500)));
        assert_eq!(rates.ask("b", start), Ok(()));
        assert_eq!(rates.ask("a", start + Duration::from_millis(500)), Ok(()));
        rates.charge("a", 5, start + Duration::from_secs(9));
        assert_eq!(rates.ask("a", start + Duration::from_secs(9)), Err(Duration::from_millis(1_500)));
    }

    #[test]
    fn names_that_rested_are_forgotten() {
        let (rates, start) = (Rates::new(1, 1), Instant::now());
        (0..NAMES_MAX).for_each(|n| rates.charge(&n.to_string(), 1, start));
        rates.charge("one more", 1, start + Duration::from_secs(2));
        assert_eq!(rates.known.lock().unwrap().buckets.len(), 1);
    }

    /// With a full table nobody new was charged any more.
    #[test]
    fn whoever_finds_no_place_shares_one_allowance() {
        let (rates, start) = (Rates::new(3, 1), Instant::now());
        (0..NAMES_MAX).for_each(|n| rates.charge(&n.to_string(), 2, start));
        (0..3).for_each(|n| rates.charge(&format!("new {n}"), 1, start));
        assert_eq!(rates.ask("new 3", start), Err(Duration::from_secs(1)));
        assert_eq!(rates.ask("7", start), Ok(()));
        // When others have rested, there is a place again.
        rates.charge("new 4", 1, start + Duration::from_secs(3));
        assert_eq!(rates.known.lock().unwrap().buckets.len(), 1);
        assert_eq!(rates.ask("new 5", start + Duration::from_secs(3)), Ok(()));
    }
}
