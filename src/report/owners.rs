//! Who owns what in a consumer group, in words.

use std::collections::BTreeMap;

use crate::event::GroupProtocol;

/// So many owners are named with what they own.
const OWNERS_MAX: usize = 6;

/// What a protocol calls a rebalance.
pub(crate) fn epoch_word(protocol: GroupProtocol) -> &'static str {
    match protocol {
        GroupProtocol::Consumer => "epoch",
        GroupProtocol::Classic => "generation",
    }
}

/// Who owns what.
#[derive(Debug, Default)]
pub(crate) struct Owners<'a> {
    /// By the length of the name, and the name: `billing-10` stands behind `billing-9`.
    owned: BTreeMap<(usize, &'a str), Vec<&'a str>>,
    /// How many partitions nobody owns.
    pub(crate) orphans: usize,
}

impl<'a> Owners<'a> {
    /// `owner` owns `partition`.
    pub(crate) fn add(&mut self, owner: &'a str, partition: &'a str) {
        self.owned.entry((owner.len(), owner)).or_default().push(partition);
    }

    /// In words: of few owners what each has, of many how many they are. `aside` is said of what
    /// nobody owns.
    pub(crate) fn text(&self, aside: &str) -> String {
        let mut parts = Vec::new();
        if self.owned.len() > OWNERS_MAX {
            let counts = self.owned.values().map(Vec::len);
            let (least, most) = (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0));
            let each =
                if least == most { format!("{least}") } else { format!("{least} to {most}") };
            let noun = if most == 1 { "partition" } else { "partitions" };
            parts.push(format!("{} members, {each} {noun} each", self.owned.len()));
        } else {
            let owned = self.owned.iter();
            parts.extend(owned.map(|((_, owner), all)| format!("{owner}: {}", by_topic(all))));
        }
        match self.orphans {
            0 if parts.is_empty() => parts.push("nobody owns anything".to_owned()),
            0 => {}
            1 => parts.push(format!("nobody: 1 partition{aside}")),
            many => parts.push(format!("nobody: {many} partitions{aside}")),
        }
        parts.join("; ")
    }
}

/// Partitions by their topics: `orders 0, 2 and refunds 1`.
fn by_topic(partitions: &[&str]) -> String {
    let mut topics: Vec<(&str, Vec<&str>)> = Vec::new();
    for name in partitions {
        let (topic, number) = name.rsplit_once('-').unwrap_or((name, ""));
        match topics.last_mut() {
            Some((last, numbers)) if *last == topic => numbers.push(number),
            _ => topics.push((topic, vec![number])),
        }
    }
    let topics = topics.iter().map(|(topic, numbers)| format!("{topic} {}", stretches(numbers)));
    topics.collect::<Vec<_>>().join(" and ")
}

/// Numbers in a row; four or more that follow each other are `0..3`.
fn stretches(numbers: &[&str]) -> String {
    let mut parts: Vec<Vec<u32>> = Vec::new();
    for number in numbers {
        // What is no number stands for itself.
        let Ok(number) = number.parse() else { return numbers.join(", ") };
        match parts.last_mut() {
            Some(part) if part.last().is_some_and(|last| last + 1 == number) => part.push(number),
            _ => parts.push(vec![number]),
        }
    }
    let told = |part: &Vec<u32>| match part.as_slice() {
        [first, _, _, .., last] => format!("{first}..{last}"),
        few => few.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
    };
    parts.iter().map(told).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_owners_are_named_and_many_counted() {
        let mut owners = Owners::default();
        for (owner, partition) in [("a-10", "o-1"), ("a-9", "o-0"), ("a-10", "p-2")] {
            owners.add(owner, partition);
        }
        assert_eq!(owners.text(""), "a-9: o 0; a-10: o 1 and p 2");
        for partition in ["o-2", "o-3", "o-4", "o-6"] {
            owners.add("a-10", partition);
        }
        assert_eq!(owners.text(""), "a-9: o 0; a-10: o 1 and p 2 and o 2, 3, 4, 6");
        assert_eq!(stretches(&["0", "1", "2", "3", "7", "9"]), "0..3, 7, 9");
        let names: Vec<String> = (0..7).map(|number| format!("a-{number}")).collect();
        let mut many = Owners::default();
        names.iter().for_each(|name| many.add(name, "o-0"));
        assert_eq!(many.text(""), "7 members, 1 partition each");
        many.add("a-1", "o-1");
        assert_eq!(many.text(""), "7 members, 1 to 2 partitions each");
    }
}
