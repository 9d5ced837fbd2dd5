//! An id that is not known: the nearest that are, and what it is instead.

use projector::course::{Kind, ids};

use super::scene::Scene;
use crate::error::Failure;
use crate::lang::Lang;
use crate::own_views::failed;

/// Ids that are offered at most.
const OFFERED_MAX: usize = 5;
/// Longest id that is compared, in characters.
const COMPARED_MAX: usize = 120;

/// Why an id cannot be traced: it began later than what is looked at; or there is none of it, with the nearest that there are.
pub fn unknown(scene: &Scene<'_>, kind: Kind, id: &str, began: Option<u64>) -> Result<Failure, Failure> {
    let lang = scene.lang;
    let shown = id.escape_debug();
    if let Some(entry) = began {
        let at = super::shown_time(scene.received_ms(entry)?);
        return Ok(Failure::malformed(match lang {
            Lang::En => format!("{shown}: not yet there after {} entries: it began with entry {entry}, {at}", scene.size),
            Lang::Zh => format!("{shown}：截至第 {} 条尚不存在；始于第 {entry} 条（{at}）", scene.size),
        }));
    }
    let what = match kind {
        Kind::Case => lang.pick("no such case in this ledger", "账本中没有此案件"),
        Kind::Person => lang.pick("nobody of that id is enrolled in this ledger", "账本中没有此人员编号"),
        Kind::List => lang.pick("no such list in this ledger", "账本中没有此名册"),
        Kind::Batch => lang.pick("no such batch in this ledger", "账本中没有此批次"),
    };
    let mut hints = Vec::new();
    if let Some(other) = other_kind(scene, kind, id)? {
        hints.push(match lang {
            Lang::En => format!("it is a {other}: zeren trace {other} {shown}"),
            Lang::Zh => format!("另有同名编号：zeren trace {other} {shown}"),
        });
    }
    let near = nearest(scene, kind, id)?;
    if !near.is_empty() {
        hints.push(format!("{}{}", lang.pick("nearest: ", "相近编号："), near.join(lang.pick(", ", "、"))));
    }
    let hints = hints.iter().map(|hint| format!("\n  {hint}")).collect::<String>();
    Ok(Failure::malformed(format!("{shown}: {what}{hints}")))
}

fn other_kind(scene: &Scene<'_>, kind: Kind, id: &str) -> Result<Option<&'static str>, Failure> {
    let kinds = [(Kind::Case, "case"), (Kind::Person, "person"), (Kind::List, "list"), (Kind::Batch, "batch")];
    for (other, word) in kinds.into_iter().filter(|(other, _)| *other != kind) {
        let mut is_there = false;
        ids(scene.rows, other, &mut |known| is_there |= known == id).map_err(failed)?;
        if is_there {
            return Ok(Some(word));
        }
    }
    Ok(None)
}

/// The ids at the smallest distance, and of one distance in order of their bytes.
fn nearest(scene: &Scene<'_>, kind: Kind, id: &str) -> Result<Vec<String>, Failure> {
    let asked: Vec<char> = id.chars().take(COMPARED_MAX).collect();
    let mut near: Vec<(usize, String)> = Vec::new();
    ids(scene.rows, kind, &mut |known| {
        let away = distance(&asked, &known.chars().collect::<Vec<char>>());
        if near.len() < OFFERED_MAX || near.last().is_some_and(|(last, _)| away < *last) {
            let at = near.partition_point(|(other, _)| *other <= away);
            near.insert(at, (away, known.to_owned()));
            near.truncate(OFFERED_MAX);
        }
    })
    .map_err(failed)?;
    Ok(near.into_iter().map(|(_, known)| known).collect())
}

/// Characters to put in, take out, change, or swap with the next, to come from one to the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, c) in from.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let mut least = (last[column] + usize::from(c != other)).min(last[column + 1] + 1).min(next[column] + 1);
            if row > 0 && column > 0 && *c == to[column - 1] && from[row - 1] == *other {
                least = least.min(before[column - 1] + 1);
            }
            next.push(least);
        }
        before = core::mem::replace(&mut last, next);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_one_key_are_one_away() {
        let away = |from: &str, to: &str| distance(&from.chars().collect::<Vec<_>>(), &to.chars().collect::<Vec<_>>());
        assert_eq!(away("07-06-002", "07-06-002"), 0);
        for slip in ["07-06-003", "07-06-0002", "07-06-02", "70-06-002", "07-60-002"] {
            assert_eq!(away(slip, "07-06-002"), 1, "{slip}");
        }
        assert_eq!((away("", "abc"), away("abc", ""), away("甲乙", "甲丙")), (3, 3, 1));
    }
}
