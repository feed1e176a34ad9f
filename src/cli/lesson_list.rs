//! The lessons that come with the program: scenarios and notes, as they are in `scenarios/lessons`.

use std::path::Path;

/// A lesson.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Listed {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// Its scenario.
    pub(crate) scenario: &'static str,
    /// Its notes.
    pub(crate) notes: &'static str,
}

macro_rules! lessons {
    ($($name:literal)*) => {
        &[$(Listed {
            name: $name,
            scenario: include_str!(concat!("../../scenarios/lessons/", $name, ".toml")),
            notes: include_str!(concat!("../../scenarios/lessons/", $name, ".lesson")),
        },)*]
    };
}

/// All of them, in the order in which they are best read.
pub(crate) const LESSONS: &[Listed] = lessons! {
    "end_of_the_log"
    "acked_and_gone"
    "isr_is_a_promise"
    "min_insync_replicas"
    "unclean_election"
    "leader_epochs"
    "ack_that_never_came"
    "two_owners"
    "slow_disk"
    "find_it_yourself"
};

/// The lesson whose name stands where the path of a scenario may; a file of that name comes first.
pub(crate) fn named(path: &Path) -> Option<&'static Listed> {
    LESSONS.iter().find(|lesson| path.as_os_str() == lesson.name).filter(|_| !path.exists())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_lesson_of_the_folder_is_listed() {
        let folder = std::fs::read_dir("scenarios/lessons").unwrap();
        let mut there = BTreeSet::new();
        for entry in folder {
            let path = entry.unwrap().path();
            there.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
        let listed: BTreeSet<_> = LESSONS.iter().map(|lesson| lesson.name.to_owned()).collect();
        assert_eq!(there, listed);
    }

    #[test]
    fn a_name_alone_is_a_lesson_unless_it_is_something_here() {
        for lesson in LESSONS {
            assert_eq!(named(Path::new(lesson.name)), Some(lesson));
        }
        for other in ["", "src", "no_lesson", "scenarios/lessons/two_owners.toml", "./two_owners"] {
            assert_eq!(named(Path::new(other)), None, "{other}");
        }
    }
}
