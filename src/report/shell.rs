//! Commands that are printed, so that a shell takes them as they stand.

/// `word` as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => in_quotes(word),
    }
}

/// `word` between quotes, also if it needs none, as a filter of events stands in commands.
pub(crate) fn in_quotes(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_word_that_was_meant() {
        for plain in ["reports/a-7.run", "./a_b.toml", "topic.orders.config.acks=all", "a,b:c+d@%"]
        {
            assert_eq!(quoted(plain), plain);
        }
        let told = [
            ("", "''"),
            ("a b.run", "'a b.run'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("a`b", "'a`b'"),
            (r"a\b", r"'a\b'"),
            ("a;b", "'a;b'"),
            ("~", "'~'"),
            ("gr\u{fc}n", "'gr\u{fc}n'"),
        ];
        for (word, as_told) in told {
            assert_eq!(quoted(word), as_told);
        }
        assert_eq!(in_quotes("index=1..2"), "'index=1..2'");
    }
}
