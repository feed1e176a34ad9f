//! Mistakes of a scenario file: where, what is wrong, what would be right.

/// One mistake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FileError {
    /// The file as the user named it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub instead: String,
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)?;
        if !self.instead.is_empty() {
            write!(f, ": {}", self.instead)?;
        }
        Ok(())
    }
}

/// All mistakes of a file, by line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileErrors(pub Vec<FileError>);

impl std::error::Error for FileErrors {}

impl std::fmt::Display for FileErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\n" };
            write!(f, "{newline}{error}")?;
        }
        Ok(())
    }
}

/// A value that is wrong, before its place is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wrong {
    /// What is wrong.
    pub(crate) what: String,
    /// What would be right.
    pub(crate) instead: String,
}

impl Wrong {
    /// `what` is wrong, `instead` would be right.
    pub(crate) fn new(what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { what: what.into(), instead: instead.into() }
    }
}

/// "did you mean `nearest`?", or the whole list when nothing is near.
pub(crate) fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let holds = || known.iter().copied().find(|known| word.len() > 3 && known.contains(word));
    match nearest(word, known.iter().copied()).or_else(holds) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => String::new(),
        None if known.len() > 40 => "docs/SCENARIOS.md and docs/TRACE.md list them all".to_owned(),
        None => format!("known are `{}`", known.join("`, `")),
    }
}

/// The word of `known` with the fewest edits to `word`, when they are few.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A file may hold a word of any length; no key of ours is longer.
    let word: Vec<char> = word.chars().take(80).collect();
    let edits = known.map(|known| (distance(&word, &known.chars().collect::<Vec<_>>()), known));
    let (edits, known) = edits.min_by_key(|(edits, _)| *edits)?;
    (edits <= 1 + known.chars().count().min(word.len()) / 4).then_some(known)
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from `a` to `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut edits = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                edits = edits.min(before[j - 2] + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_of_neighbours_is_one_edit() {
        let chars = |word: &str| word.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("facotr"), &chars("factor")), 1);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
    }

    #[test]
    fn near_words_are_suggested_and_far_ones_listed() {
        assert_eq!(suggest("reat", ["rate", "name"]), "did you mean `rate`?");
        assert_eq!(suggest("linger", ["acks", "linger.ms"]), "did you mean `linger.ms`?");
        assert_eq!(suggest("colour", ["rate", "name"]), "known are `rate`, `name`");
    }
}
