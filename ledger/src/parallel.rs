//! Work on all cores, where there are several.

/// Notes whose signatures are settled together.
const GROUP: usize = 32;

/// Splits into groups whose signatures are settled together.
pub(crate) fn grouped<T>(all: Vec<T>) -> Vec<Vec<T>> {
    let mut rest = all.into_iter();
    std::iter::from_fn(|| Some(rest.by_ref().take(GROUP).collect::<Vec<T>>()).filter(|group| !group.is_empty())).collect()
}

/// Maps on all cores, order kept.
#[cfg(feature = "parallel")]
pub(crate) fn map_all<T: Send, U: Send>(all: Vec<T>, map: impl Fn(T) -> U + Sync + Send) -> Vec<U> {
    use rayon::prelude::*;
    all.into_par_iter().map(map).collect()
}

/// Maps on the one core there is.
#[cfg(not(feature = "parallel"))]
pub(crate) fn map_all<T, U>(all: Vec<T>, map: impl Fn(T) -> U) -> Vec<U> {
    all.into_iter().map(map).collect()
}

/// Does two things at once.
#[cfg(feature = "parallel")]
pub(crate) fn both<A: Send, B: Send>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B) {
    rayon::join(one, other)
}

/// Does two things in turn.
#[cfg(not(feature = "parallel"))]
pub(crate) fn both<A, B>(one: impl FnOnce() -> A, other: impl FnOnce() -> B) -> (A, B) {
    (one(), other())
}
