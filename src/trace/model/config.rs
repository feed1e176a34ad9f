//! What dynamic configuration says, as committed.

use std::collections::BTreeMap;

use crate::types::{ConfigResource, Name, Offset, TopicKey};

/// Committed values of dynamic configuration, by the words that name a resource, and key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConfigView {
    values: BTreeMap<(Name, Name), Known>,
}

/// What a key of a resource was before a record changed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConfigBefore {
    place: (Name, Name),
    known: Option<Known>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    event: u64,
    offset: Offset,
    value: Option<Name>,
}

impl ConfigView {
    /// Notes what the record at `offset` says, told by `event`, and how it was before; one that a
    /// successor tells again says nothing new.
    pub(crate) fn note(
        &mut self,
        (resource, key): (&Name, &Name),
        value: Option<&Name>,
        offset: Offset,
        event: u64,
    ) -> Option<ConfigBefore> {
        let place = (resource.clone(), key.clone());
        if self.values.get(&place).is_some_and(|known| known.offset >= offset) {
            return None;
        }
        let now = Known { event, offset, value: value.cloned() };
        let known = self.values.insert(place.clone(), now);
        Some(ConfigBefore { place, known })
    }

    /// Has it as it was `before`.
    pub(crate) fn undo(&mut self, before: ConfigBefore) {
        match before.known {
            Some(known) => self.values.insert(before.place, known),
            None => self.values.remove(&before.place),
        };
    }

    /// The event that told the value of `key` first.
    pub fn told_by(&self, resource: &Name, key: &Name) -> Option<u64> {
        self.values.get(&(resource.clone(), key.clone())).map(|known| known.event)
    }

    /// The value of a topic's `key`: its own, else the cluster-wide default; `None` where
    /// neither was set.
    pub fn of_topic(&self, topic: &Name, key: &str) -> Option<&Name> {
        let own = self.get(&ConfigResource::Topic(topic.clone()), key);
        own.or_else(|| {
            let broker_key = TopicKey::of_topic(key)?.broker_key;
            self.get(&ConfigResource::Cluster, broker_key)
        })
    }

    /// The event that told of that value first.
    pub fn of_topic_by(&self, topic: &Name, key: &str) -> Option<u64> {
        let own = self.known(&ConfigResource::Topic(topic.clone()), key);
        let known = own.filter(|known| known.value.is_some()).or_else(|| {
            let broker_key = TopicKey::of_topic(key)?.broker_key;
            self.known(&ConfigResource::Cluster, broker_key)
        })?;
        known.value.as_ref().map(|_| known.event)
    }

    fn get(&self, resource: &ConfigResource, key: &str) -> Option<&Name> {
        self.known(resource, key)?.value.as_ref()
    }

    fn known(&self, resource: &ConfigResource, key: &str) -> Option<&Known> {
        self.values.get(&(Name::from(resource.to_string()), Name::from(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_says_nothing_new() {
        let mut view = ConfigView::default();
        let (topic, all) = (Name::from("topic orders"), Name::from("all brokers"));
        let key = Name::from("min.insync.replicas");
        let value = |view: &ConfigView| {
            view.of_topic(&"orders".into(), "min.insync.replicas").map(ToString::to_string)
        };
        assert!(view.note((&all, &key), Some(&"1".into()), Offset(3), 1).is_some());
        assert_eq!(value(&view).as_deref(), Some("1"));
        assert!(view.note((&topic, &key), Some(&"2".into()), Offset(5), 2).is_some());
        let before = view.note((&topic, &key), Some(&"3".into()), Offset(7), 3);
        assert_eq!(view.note((&topic, &key), Some(&"2".into()), Offset(5), 4), None);
        assert_eq!(view.told_by(&topic, &key), Some(3));
        assert_eq!(value(&view).as_deref(), Some("3"));
        let unset = view.note((&topic, &key), None, Offset(9), 5);
        assert_eq!(value(&view).as_deref(), Some("1"));
        // The last first, as they are lost.
        unset.into_iter().chain(before).for_each(|before| view.undo(before));
        assert_eq!(value(&view).as_deref(), Some("2"));
        assert_eq!(view.told_by(&topic, &key), Some(2));
    }
}
