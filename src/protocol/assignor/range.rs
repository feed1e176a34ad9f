//! `range`: of each topic, every member gets consecutive partitions.

use crate::protocol::assignor::member::{Assignment, Member, Topics, nothing};

/// Of each topic on its own, the members in order get as many partitions as there are for each,
/// and the first ones one more where it does not come out even.
///
/// # Source
///
/// Kafka 4.0, `RangeAssignor`.
// Differs from Kafka: racks are not looked at, for consumers read from leaders only.
pub(crate) fn assign(topics: &Topics, members: &[Member]) -> Assignment {
    let mut assignment = nothing(members);
    for (topic, &partitions) in topics {
        let mut readers: Vec<_> =
            members.iter().filter(|member| member.topics.contains(topic)).collect();
        readers.sort_by(|a, b| a.order(b));
        let Ok(count) = i32::try_from(readers.len()) else { continue };
        if count == 0 {
            continue;
        }
        let (each, more) = (partitions / count, partitions % count);
        let mut next = 0;
        for (nth, reader) in (0..).zip(readers) {
            let end = next + each + i32::from(nth < more);
            let own = assignment.entry(reader.id.clone()).or_default();
            own.extend((next..end).map(|partition| (topic.clone(), partition)));
            next = end;
        }
    }
    assignment
}
