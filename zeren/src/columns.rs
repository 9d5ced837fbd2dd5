//! Columns of a terminal: a Chinese character takes two.

/// Columns that a line may take.
pub const LINE_COLUMNS: usize = 80;
/// Signs before which no line is broken.
const CLOSING: &str = "，。；：、）！？」』》,.;:)";

/// Columns that a text takes.
pub fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(c: char) -> usize {
    let wide =
        ['\u{1100}'..='\u{115f}', '\u{2e80}'..='\u{a4cf}', '\u{ac00}'..='\u{d7a3}', '\u{f900}'..='\u{faff}', '\u{fe30}'..='\u{fe6f}'];
    let is_wide = wide.iter().any(|range| range.contains(&c))
        || matches!(c, '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}');
    1 + usize::from(is_wide)
}

/// The text, with spaces after it up to so many columns.
pub fn padded(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(columns(text))))
}

/// The text, with spaces before it up to so many columns.
pub fn right(text: &str, to: usize) -> String {
    format!("{}{text}", " ".repeat(to.saturating_sub(columns(text))))
}

/// The text behind an indent, broken at spaces or between Chinese characters where a line is full; lines after the first stand
/// under the second indent.
pub fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let (mut out, mut used) = (first.to_owned(), columns(first));
    let mut is_empty = true;
    for piece in pieces(text) {
        let wide = columns(piece.trim_end());
        if !is_empty && used + wide > LINE_COLUMNS {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(rest);
            used = columns(rest);
        }
        out.push_str(piece);
        used += columns(piece);
        is_empty = false;
    }
    out.truncate(out.trim_end().len());
    out
}

/// What a line is never broken in: a word with the space after it, a Chinese character with what closes it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (at, c) in text.char_indices() {
        let may_break = before.is_some_and(|last: char| {
            let closes = CLOSING.contains(c);
            (last == ' ' && c != ' ')
                || (!closes && c != ' ' && (columns_of(last) == 2 || columns_of(c) == 2) && last != '（' && last != '「')
        });
        if may_break {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = Some(c);
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_columns_and_is_padded_so() {
        assert_eq!((columns("a1·"), columns("甲子"), columns("（，）")), (3, 4, 6));
        assert_eq!((padded("甲", 4), right("甲", 4), padded("abcde", 4)), ("甲  ".into(), "  甲".into(), "abcde".into()));
    }

    #[test]
    fn no_line_is_longer_than_the_screen_and_nothing_is_lost() {
        let english = "an official signed it. ".repeat(12);
        let chinese = "经办人在公示期满后签名，无人提出异议；".repeat(8);
        for text in [&english, &chinese, &format!("{english}{chinese}")] {
            let out = wrapped(text, "    ", "      ");
            assert!(out.lines().count() > 1 && out.lines().all(|line| columns(line) <= LINE_COLUMNS), "{out}");
            let bare = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(bare(&out), bare(text));
            assert!(!out.lines().any(|line| line.trim_start().starts_with(['，', '；'])), "{out}");
        }
        assert_eq!(wrapped("short", "  ", "    "), "  short");
    }
}
