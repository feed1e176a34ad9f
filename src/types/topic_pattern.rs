//! A regular expression over topic names.

use regex_lite::Regex;

use crate::types::name::Name;

/// A regular expression that a whole topic name must be like. Equal by its text.
// Differs from Kafka: the classic consumer takes Java's expressions, KIP-848's those of RE2/J;
// here both take those of the crate `regex-lite`, which has what the two have in common.
#[derive(Clone, Debug)]
pub struct TopicPattern {
    text: Name,
    regex: Regex,
}

/// No expression takes more memory than this, in bytes: patterns come from files.
const SIZE_MAX: usize = 1 << 20;

impl TopicPattern {
    /// The pattern `text`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in a line.
    pub fn parse(text: &Name) -> Result<Self, String> {
        let whole = format!("^(?:{text})$");
        let regex = regex_lite::RegexBuilder::new(&whole).size_limit(SIZE_MAX).build();
        let regex = regex.map_err(|error| error.to_string().replace('\n', ", "))?;
        Ok(Self { text: text.clone(), regex })
    }

    /// Whether the topic `name` is like it. Kafka's own topics never are
    /// (`exclude.internal.topics`).
    pub fn matches(&self, name: &str) -> bool {
        !name.starts_with("__") && self.regex.is_match(name)
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &Name {
        &self.text
    }
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TopicPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_like_whole_names() {
        let pattern = TopicPattern::parse(&"orders-(eu|us)|audit".into()).unwrap();
        let names = ["orders-eu", "orders-us", "orders-use", "audit", "audits", "__orders-eu"];
        let matched: Vec<_> = names.into_iter().filter(|name| pattern.matches(name)).collect();
        assert_eq!(matched, ["orders-eu", "orders-us", "audit"]);
        assert!(TopicPattern::parse(&"orders-(eu".into()).is_err());
        let large = "a{1000}".repeat(500);
        assert!(TopicPattern::parse(&large.into()).is_err());
    }
}
