//! A filter's terms, with their places.

use crate::trace::filter::error::{FilterError, Problem};

/// A term as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word {
    /// Where it begins, in characters from 1.
    pub(super) column: usize,
    /// All of it, with its quotes.
    pub(super) text: String,
}

/// Splits at spaces that stand neither in a quotation nor in the parentheses of `after(` and
/// `before(`. The first character is at `column`.
pub(super) fn words(text: &str, column: usize) -> Result<Vec<Word>, FilterError> {
    let mut words: Vec<Word> = Vec::new();
    let mut open: Option<Word> = None;
    let mut is_quoted = false;
    let mut depth = 0_u32;
    for (at, c) in text.chars().enumerate() {
        if c.is_whitespace() && !is_quoted && depth == 0 {
            words.extend(open.take());
            continue;
        }
        let word = open.get_or_insert_with(|| Word { column: column + at, text: String::new() });
        match c {
            '"' => is_quoted = !is_quoted,
            '(' if !is_quoted && (depth > 0 || is_when(&word.text)) => depth += 1,
            ')' if !is_quoted && depth > 0 => depth -= 1,
            '(' | ')' if !is_quoted => {
                return Err(FilterError { column: column + at, problem: Problem::Parenthesis(c) });
            }
            _ => {}
        }
        word.text.push(c);
    }
    if let Some(word) = open {
        let problem = match (is_quoted, depth) {
            (true, _) => Some(Problem::Quote(word.text.clone())),
            (false, 1..) => Some(Problem::Open(word.text.clone())),
            (false, 0) => None,
        };
        if let Some(problem) = problem {
            return Err(FilterError { column: word.column, problem });
        }
        words.push(word);
    }
    Ok(words)
}

/// Whether a parenthesis behind `text` holds a filter.
fn is_when(text: &str) -> bool {
    let text = text.strip_prefix(['!', '-']).unwrap_or(text);
    matches!(text, "after" | "before")
}

/// `text` without its quotes.
pub(super) fn unquoted(text: &str) -> String {
    text.chars().filter(|c| *c != '"').collect()
}
