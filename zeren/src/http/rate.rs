//! Rates: so many at once, and so many a second after that, for each name.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Names that are remembered; whoever has rested is forgotten first.
const NAMES_MAX: usize = 65_536;

/// Buckets by name. What is asked before and what is charged after are two steps: only what turned out to be somebody's own is
/// charged to them.
pub struct Rates {
    burst: f64,
    a_second: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    /// So many at once, and so many a second after that.
    pub fn new(burst: u32, a_second: u32) -> Rates {
        Rates { burst: f64::from(burst), a_second: f64::from(a_second).max(f64::MIN_POSITIVE), buckets: Mutex::default() }
    }

    /// Whether anything is left for this name.
    ///
    /// # Errors
    /// How long to wait.
    pub fn ask(&self, name: &str, now: Instant) -> Result<(), Duration> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = buckets.get(name).map_or(self.burst, |bucket| self.left(bucket, now));
        if left >= 1.0 { Ok(()) } else { Err(Duration::from_secs_f64((1.0 - left) / self.a_second)) }
    }

    /// Charges this name; what is left may fall below nothing.
    pub fn charge(&self, name: &str, count: u32, now: Instant) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= NAMES_MAX && !buckets.contains_key(name) {
            buckets.retain(|_, bucket| self.left(bucket, now) < self.burst);
            if buckets.len() >= NAMES_MAX {
                return;
            }
        }
        let left = buckets.get(name).map_or(self.burst, |bucket| self.left(bucket, now));
        buckets.insert(name.to_owned(), Bucket { left: left - f64::from(count), at: now });
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
        assert_eq!(rates.buckets.lock().unwrap().len(), 1);
    }
}
