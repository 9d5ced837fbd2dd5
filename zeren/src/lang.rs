//! Chinese and English, side by side.

use clap::ValueEnum;

/// The language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// 中文。
    Zh,
}

impl Lang {
    /// As asked for, else as the environment says.
    pub fn choose(asked: Option<Lang>) -> Lang {
        let speaks_chinese =
            || ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        asked.unwrap_or_else(|| match speaks_chinese() {
            Some(value) if value.starts_with("zh") => Lang::Zh,
            _ => Lang::En,
        })
    }

    /// One of the two.
    pub fn pick<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }
}

/// A number with its thousands set off.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The width of a text on a terminal: Chinese characters take two columns.
pub fn columns(text: &str) -> usize {
    let width = |c: char| {
        if matches!(u32::from(c), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x20000..=0x3FFFD)
        {
            2
        } else {
            1
        }
    };
    text.chars().map(width).sum()
}

/// A text filled with spaces to a number of columns.
pub fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(columns(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_columns() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(8_577), "8,577");
        assert_eq!(thousands(315_600_000), "315,600,000");
        assert_eq!(columns("甲子·017"), 8);
        assert_eq!(pad("责任", 6), "责任  ");
    }
}
