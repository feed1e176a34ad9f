//! What may be wrong with a filter.

/// A text is no filter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{problem} (character {column} of the filter)")]
pub struct FilterError {
    /// Where the term begins, in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a filter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// A quotation has no end.
    #[error("a double quote in `{0}` has no partner; close it, or leave it out")]
    Quote(String),
    /// A parenthesis has no end.
    #[error("`{0}` has no closing parenthesis")]
    Open(String),
    /// A parenthesis stands where none can.
    #[error(
        "`{0}` stands where none can: only `after(...)` and `before(...)` hold a filter; put a \
         text with a parenthesis in it in double quotes"
    )]
    Parenthesis(char),
    /// Nothing stands where a filter or a value should.
    #[error("`{term}` lacks {what}")]
    Lacks {
        /// The term.
        term: String,
        /// What should stand there.
        what: &'static str,
    },
    /// A value of a short test is of the wrong form.
    #[error("`{value}` is no value of `{key}:`; {form}")]
    Form {
        /// The key.
        key: &'static str,
        /// What was written.
        value: String,
        /// What may be written.
        form: String,
    },
    /// There is no such short test.
    #[error(
        "no term begins with `{key}:`; use {known}, or a field of docs/TRACE.md{nearest}, or put \
         what is meant as text in double quotes"
    )]
    ShortKey {
        /// What was written.
        key: String,
        /// What may be written.
        known: String,
        /// What may have been meant.
        nearest: String,
    },
    /// A test lacks its key or its value.
    #[error("`{0}` lacks a key or a value; write `key=value` or `key:value`")]
    Incomplete(String),
    /// No event has such a field.
    #[error(
        "no event has a field `{key}`; use kind, host, partition, time, index, cause, about, \
         or a field of docs/TRACE.md{nearest}"
    )]
    Key {
        /// What was written.
        key: String,
        /// What may have been meant.
        nearest: String,
    },
    /// No event is of this kind.
    #[error("there is no kind of event `{kind}`; `kafsim events --kinds` lists them{nearest}")]
    Kind {
        /// What was written.
        kind: String,
        /// What may have been meant.
        nearest: String,
    },
    /// No event has this word in a field of few words.
    #[error("no event has `{key}={value}`; {nearest}")]
    Word {
        /// The field.
        key: String,
        /// What was written.
        value: String,
        /// What may have been meant, or all words that there are.
        nearest: String,
    },
    /// A time or an index is no number.
    #[error("`{value}` is no {key}; write a number, as in `{key}=10..20`")]
    Number {
        /// The key.
        key: String,
        /// What was written.
        value: String,
    },
    /// Nothing lies in a range.
    #[error(
        "nothing lies in `{key}={from}..{below}`, which goes from `{from}` to below `{below}`; \
         write the smaller one first"
    )]
    Range {
        /// The key.
        key: String,
        /// The lower end.
        from: String,
        /// The upper end.
        below: String,
    },
    /// The run has no such host or partition.
    #[error("the run has no {key} `{value}`; it has {known}")]
    Absent {
        /// `host` or `partition`.
        key: String,
        /// What was written.
        value: String,
        /// What there is.
        known: String,
    },
}
