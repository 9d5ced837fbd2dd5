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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_off() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(8_577), "8,577");
        assert_eq!(thousands(315_600_000), "315,600,000");
    }
}
