//! So many of something, in words.

use std::fmt::Display;

/// `1 broker`, `3 brokers`, `0 brokers`.
pub fn counted<N: Copy + Display + PartialEq + TryFrom<u8>>(count: N, noun: &str) -> String {
    let is_one = N::try_from(1).is_ok_and(|one| count == one);
    let ending = if is_one { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(counted(1_u64, "broker"), "1 broker");
        assert_eq!([counted(0_i32, "key"), counted(2_i32, "key")], ["0 keys", "2 keys"]);
        assert_eq!(counted(11_usize, "replica"), "11 replicas");
    }
}
