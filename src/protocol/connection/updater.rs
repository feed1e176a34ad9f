//! When to ask for the cluster's metadata: at first, when it is old, when somebody asks or a topic
//! is new, and never faster than the back-off allows.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;

use crate::message::convert;
use crate::types::{Backoff, Name, Rng, Wall};

/// When to ask for metadata, and for which topics.
///
/// Source: Kafka 4.1, `Metadata.timeToNextUpdate`, `timeToAllowUpdate`; KIP-899 and KIP-1102 for
/// starting over from the bootstrap servers.
#[derive(Clone, Debug)]
pub(crate) struct Updater {
    max_age: Duration,
    backoff: Backoff,
    rebootstrap_after: Duration,
    topics: BTreeSet<Name>,
    /// Whether all topics are asked for, whatever their names (`subscribe(Pattern)`).
    wants_all: bool,
    is_wanted: bool,
    /// Whether a topic was added that no request under way asks for.
    has_new_topics: bool,
    pub(crate) is_in_flight: bool,
    /// When what is known is too old.
    expires_at: Wall,
    /// No request before this.
    allowed_at: Wall,
    failures: u32,
    /// Answers in a row that brought nothing new although somebody asked.
    equivalent: u32,
    /// Since when no answer has come although one is wanted.
    failing_since: Option<Wall>,
}

impl Updater {
    pub(crate) fn new(
        max_age: Duration,
        backoff: Backoff,
        rebootstrap_after: Duration,
        wall: Wall,
    ) -> Self {
        Self {
            max_age,
            backoff,
            rebootstrap_after,
            topics: BTreeSet::new(),
            wants_all: false,
            is_wanted: false,
            has_new_topics: false,
            is_in_flight: false,
            expires_at: wall,
            allowed_at: wall,
            failures: 0,
            equivalent: 0,
            failing_since: None,
        }
    }

    /// Asks for `topic` from now on; says whether it is new.
    pub(crate) fn add_topic(&mut self, topic: Name, wall: Wall) -> bool {
        let is_new = self.topics.insert(topic);
        if is_new {
            self.has_new_topics = true;
            self.is_wanted = true;
            self.equivalent = 0;
            self.allowed_at = wall;
        }
        is_new
    }

    /// Asks for all topics from now on.
    pub(crate) fn want_all(&mut self, wall: Wall) {
        if !std::mem::replace(&mut self.wants_all, true) {
            self.has_new_topics = true;
            self.is_wanted = true;
            self.equivalent = 0;
            self.allowed_at = wall;
        }
    }

    /// Something proved wrong: ask again as soon as the back-off allows.
    pub(crate) fn request(&mut self) {
        self.is_wanted = true;
    }

    /// Whether what is known is as new as can be had without waiting; if not, an answer will come.
    /// With `asks` it has to be newer than the back-off.
    ///
    /// Source: Kafka 4.1, `ConsumerNetworkClient.ensureFreshMetadata`; `asks` is what
    /// `ConsumerCoordinator.poll` does before.
    pub(crate) fn is_fresh(&mut self, wall: Wall, asks: bool) -> bool {
        self.is_wanted |= asks && self.allowed_at <= wall;
        !self.is_wanted && wall < self.expires_at
    }

    /// Whether a topic was added for which no answer has come yet.
    pub(crate) fn lacks_topics(&self) -> bool {
        self.has_new_topics
    }

    /// When the next request is due; `None` while one is under way.
    pub(crate) fn due_at(&self) -> Option<Wall> {
        if self.is_in_flight {
            return None;
        }
        Some(if self.is_wanted { self.allowed_at } else { self.expires_at.max(self.allowed_at) })
    }

    /// Whether nobody has answered for so long that the bootstrap servers should be asked.
    pub(crate) fn starts_over(&self, wall: Wall) -> bool {
        self.failing_since.is_some_and(|since| since + self.rebootstrap_after <= wall)
    }

    /// No node can be asked now: try again after `wait`.
    pub(crate) fn postpone(&mut self, wall: Wall, wait: Duration) {
        self.failing_since.get_or_insert(wall);
        self.allowed_at = wall + wait;
    }

    /// The request to send now.
    pub(crate) fn begin(&mut self, wall: Wall) -> MetadataRequest {
        self.is_in_flight = true;
        self.has_new_topics = false;
        self.failing_since.get_or_insert(wall);
        let topics = self
            .topics
            .iter()
            .map(|name| MetadataRequestTopic::default().with_name(Some(convert::topic_name(name))));
        // Differs from Kafka: allow.auto.create.topics is off, for a topic that was deleted would
        // come back with the next record.
        MetadataRequest::default()
            .with_topics((!self.wants_all).then(|| topics.collect()))
            .with_allow_auto_topic_creation(false)
    }

    /// An answer came; it brought something new or not, and is worth asking again or not.
    pub(crate) fn succeed(&mut self, wall: Wall, changed: bool, incomplete: bool, rng: &mut Rng) {
        self.is_in_flight = false;
        self.failures = 0;
        self.failing_since = None;
        self.expires_at = wall + self.max_age;
        self.equivalent = if changed { 0 } else { self.equivalent + 1 };
        let attempts = self.equivalent.saturating_sub(1);
        self.allowed_at = wall + self.backoff.wait(attempts, rng);
        if self.has_new_topics {
            self.allowed_at = wall;
        }
        self.is_wanted = incomplete || self.has_new_topics;
    }

    /// No answer came.
    pub(crate) fn fail(&mut self, wall: Wall, rng: &mut Rng) {
        self.is_in_flight = false;
        self.is_wanted = true;
        self.allowed_at = wall + self.backoff.wait(self.failures, rng);
        self.failures += 1;
    }
}
