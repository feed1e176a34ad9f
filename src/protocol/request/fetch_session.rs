//! Fetch sessions (KIP-227): the broker remembers what a fetcher asks for and what it was told,
//! so that a long-poll names only what changed.
//!
//! ```text
//!   epoch 0, session 0 ──► full: every partition; a session is made if there is room
//!   epoch n, session s ──► incremental: named partitions change, the others stay as they were
//!   epoch -1           ──► full, and no session
//!   wrong epoch: 71; unknown session: 70. The fetcher starts again with epoch 0.
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::message::FetchResult;
use crate::types::{ErrorCode, LeaderEpoch, Offset, Rng, TopicPartition, Wall};

/// What a fetch asks of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FetchAsk {
    pub(crate) partition: TopicPartition,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    pub(crate) fetch_offset: Offset,
    pub(crate) last_fetched_epoch: Option<LeaderEpoch>,
    pub(crate) log_start_offset: Option<Offset>,
    pub(crate) bytes_max: u32,
}

/// A partition of a session: what is asked, and what the fetcher was last told.
#[derive(Clone, Debug)]
struct Cached {
    ask: FetchAsk,
    high_watermark: Option<Offset>,
    log_start_offset: Option<Offset>,
}

/// One session.
#[derive(Clone, Debug)]
struct Session {
    /// Sessions of followers are not evicted for those of consumers.
    privileged: bool,
    created: Wall,
    used: Wall,
    /// The epoch that the next request must have.
    epoch: i32,
    /// Partitions in the order they are read; one that gave records goes to the end.
    order: BTreeMap<u64, Cached>,
    places: BTreeMap<TopicPartition, u64>,
    next_place: u64,
    /// The size by which it stands in the eviction orders.
    indexed_size: usize,
    /// Whether it stands in the eviction order of privileged sessions, and in that of all.
    evictable: (bool, bool),
}

/// How a fetch request stands to the sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Context {
    /// No session, wanted or possible.
    Sessionless,
    /// All partitions are named; a session is made with the answer.
    Full,
    /// The request's partitions are those of the session; `next` is the epoch after the request's.
    Incremental { session: i32, next: i32 },
}

/// The sessions of a broker.
///
/// Source: Kafka 4.1, `FetchSessionCacheShard`, `FetchManager.newContext`.
#[derive(Clone, Debug)]
pub(crate) struct FetchSessions {
    sessions_max: usize,
    eviction: Duration,
    rng: Rng,
    sessions: BTreeMap<i32, Session>,
    evictable_by_all: BTreeSet<(bool, usize, i32)>,
    evictable_by_privileged: BTreeSet<(bool, usize, i32)>,
}

/// The epoch after `epoch`; after [`i32::MAX`] comes 1, since 0 begins a session.
fn next_epoch(epoch: i32) -> i32 {
    if epoch < 0 { -1 } else { epoch.checked_add(1).unwrap_or(1) }
}

impl FetchSessions {
    pub(crate) fn new(sessions_max: usize, eviction: Duration, rng: Rng) -> Self {
        Self {
            sessions_max,
            eviction,
            rng,
            sessions: BTreeMap::new(),
            evictable_by_all: BTreeSet::new(),
            evictable_by_privileged: BTreeSet::new(),
        }
    }

    /// Takes a request of `session` and `epoch` that names `asks` and no longer wants `forgotten`;
    /// returns how it stands and what it asks for in full, in reading order.
    ///
    /// # Errors
    ///
    /// 70 for a session that is not kept, 71 for an epoch out of turn.
    pub(crate) fn begin(
        &mut self,
        now: Wall,
        session: i32,
        epoch: i32,
        asks: Vec<FetchAsk>,
        forgotten: &[TopicPartition],
    ) -> Result<(Context, Vec<FetchAsk>), ErrorCode> {
        if epoch <= 0 {
            self.remove(session);
            let context = if epoch == 0 { Context::Full } else { Context::Sessionless };
            return Ok((context, asks));
        }
        let kept = self.sessions.get_mut(&session).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if kept.epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        for ask in &asks {
            kept.set(*ask);
        }
        for partition in forgotten {
            kept.forget(*partition);
        }
        if kept.places.is_empty() {
            self.remove(session);
            return Ok((Context::Sessionless, asks));
        }
        kept.epoch = next_epoch(epoch);
        let all = kept.order.values().map(|cached| cached.ask).collect();
        self.touch(now, session);
        Ok((Context::Incremental { session, next: next_epoch(epoch) }, all))
    }

    /// Says which of `answers` go into the response, keeps what the fetcher is told, and names the
    /// session; 0 is none.
    ///
    /// # Errors
    ///
    /// 71 when another request of the session came in between.
    pub(crate) fn end(
        &mut self,
        now: Wall,
        context: Context,
        privileged: bool,
        answers: Vec<(FetchAsk, FetchResult)>,
    ) -> Result<(i32, Vec<(FetchAsk, FetchResult)>), (i32, ErrorCode)> {
        match context {
            Context::Sessionless => Ok((0, answers)),
            Context::Full => Ok((self.create(now, privileged, &answers), answers)),
            Context::Incremental { session, next } => {
                let Some(kept) = self.sessions.get_mut(&session) else {
                    // Evicted while the request waited. It is answered all the same; the next one
                    // hears that the session is gone.
                    return Ok((session, answers));
                };
                if kept.epoch != next {
                    return Err((session, ErrorCode::InvalidFetchSessionEpoch));
                }
                let told = answers.into_iter().filter(|(ask, read)| kept.tell(ask, read)).collect();
                Ok((session, told))
            }
        }
    }

    /// How many sessions are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    fn create(&mut self, now: Wall, privileged: bool, answers: &[(FetchAsk, FetchResult)]) -> i32 {
        let full = self.sessions.len() >= self.sessions_max;
        if full && !self.evict(now, (privileged, answers.len(), 0)) {
            return 0;
        }
        let id = loop {
            let id = i32::try_from(self.rng.between(1, i32::MAX as u64 - 1)).unwrap_or(1);
            if !self.sessions.contains_key(&id) {
                break id;
            }
        };
        let mut session = Session {
            privileged,
            created: now,
            used: now,
            epoch: 1,
            order: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
            indexed_size: 0,
            evictable: (false, false),
        };
        for (ask, read) in answers {
            session.set(*ask);
            let cached = session.cached(ask.partition).expect("it was just set");
            cached.high_watermark = read.high_watermark;
            cached.log_start_offset = read.log_start_offset;
        }
        self.sessions.insert(id, session);
        self.touch(now, id);
        id
    }

    /// Makes room for a session that compares as `key`, if an older or smaller one may go.
    fn evict(&mut self, now: Wall, key: (bool, usize, i32)) -> bool {
        // Kafka keeps them in the order of their use; here only a full cache is looked through.
        let used = self.sessions.iter().map(|(id, session)| (session.used, *id));
        let Some((used, oldest)) = used.min() else { return false };
        if now.since(used) > self.eviction {
            self.remove(oldest);
            return true;
        }
        let order = if key.0 { &self.evictable_by_privileged } else { &self.evictable_by_all };
        match order.first() {
            Some(&smallest) if key >= smallest => {
                self.remove(smallest.2);
                true
            }
            Some(_) | None => false,
        }
    }

    fn remove(&mut self, id: i32) {
        if let Some(session) = self.sessions.remove(&id) {
            let key = (session.privileged, session.indexed_size, id);
            self.evictable_by_all.remove(&key);
            self.evictable_by_privileged.remove(&key);
        }
    }

    fn touch(&mut self, now: Wall, id: i32) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.used = now;
        let is_old = now.since(session.created) > self.eviction;
        let evictable = (!session.privileged || is_old, is_old);
        let size = session.places.len();
        // Most requests leave a session as it was.
        if (size, evictable) == (session.indexed_size, session.evictable) {
            return;
        }
        let old = (session.privileged, session.indexed_size, id);
        self.evictable_by_all.remove(&old);
        self.evictable_by_privileged.remove(&old);
        session.indexed_size = size;
        session.evictable = evictable;
        let key = (session.privileged, size, id);
        if evictable.0 {
            self.evictable_by_privileged.insert(key);
        }
        if evictable.1 {
            self.evictable_by_all.insert(key);
        }
    }
}

impl Session {
    fn cached(&mut self, partition: TopicPartition) -> Option<&mut Cached> {
        self.order.get_mut(self.places.get(&partition)?)
    }

    fn set(&mut self, ask: FetchAsk) {
        if let Some(cached) = self.cached(ask.partition) {
            cached.ask = ask;
            return;
        }
        self.append(Cached { ask, high_watermark: None, log_start_offset: None });
    }

    fn append(&mut self, cached: Cached) {
        self.places.insert(cached.ask.partition, self.next_place);
        self.order.insert(self.next_place, cached);
        self.next_place += 1;
    }

    fn forget(&mut self, partition: TopicPartition) {
        if let Some(place) = self.places.remove(&partition) {
            self.order.remove(&place);
        }
    }

    /// Whether the fetcher must be told of `read`; remembers that it was.
    ///
    /// Source: Kafka 4.1, `CachedPartition.maybeUpdateResponseData`.
    fn tell(&mut self, ask: &FetchAsk, read: &FetchResult) -> bool {
        let Some(cached) = self.cached(ask.partition) else { return false };
        let has_records = !read.records.is_empty();
        let must = has_records
            || cached.high_watermark != read.high_watermark
            || cached.log_start_offset != read.log_start_offset
            || read.error != ErrorCode::None
            || read.diverging.is_some();
        cached.high_watermark = read.high_watermark;
        cached.log_start_offset = read.log_start_offset;
        if read.error != ErrorCode::None {
            // So that the partition is told of again when the error is gone.
            cached.high_watermark = None;
        }
        if has_records {
            // Partitions take turns in being read first.
            let place = self.places[&ask.partition];
            let cached = self.order.remove(&place).expect("a place names a cached partition");
            self.append(cached);
        }
        must
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    fn ask(partition: i32, offset: i64) -> FetchAsk {
        FetchAsk {
            partition: TopicPartition::new(TopicId(9), partition),
            leader_epoch: None,
            fetch_offset: Offset(offset),
            last_fetched_epoch: None,
            log_start_offset: None,
            bytes_max: 100,
        }
    }

    fn nothing(high_watermark: i64) -> FetchResult {
        FetchResult {
            high_watermark: Some(Offset(high_watermark)),
            log_start_offset: Some(Offset::ZERO),
            ..FetchResult::refused(ErrorCode::None)
        }
    }

    fn sessions(max: usize) -> FetchSessions {
        FetchSessions::new(max, Duration::from_secs(120), Rng::named(1, "test", &[]))
    }

    fn open(sessions: &mut FetchSessions, now: Wall, privileged: bool, partitions: i32) -> i32 {
        let asks: Vec<_> = (0..partitions).map(|index| ask(index, 0)).collect();
        let (context, all) = sessions.begin(now, 0, 0, asks, &[]).unwrap();
        let answers = all.into_iter().map(|ask| (ask, nothing(0))).collect();
        sessions.end(now, context, privileged, answers).unwrap().0
    }

    #[test]
    fn only_what_changed_is_told() {
        let mut all = sessions(10);
        let id = open(&mut all, Wall(0), true, 2);
        let (context, asks) = all.begin(Wall(1), id, 1, vec![ask(1, 7)], &[]).unwrap();
        assert_eq!(asks, [ask(0, 0), ask(1, 7)]);
        let answers = vec![(asks[0], nothing(0)), (asks[1], nothing(3))];
        let (_, told) = all.end(Wall(1), context, true, answers).unwrap();
        assert_eq!(told.iter().map(|(ask, _)| *ask).collect::<Vec<_>>(), [ask(1, 7)]);
        // The same request again is out of turn.
        let again = all.begin(Wall(2), id, 1, Vec::new(), &[]);
        assert_eq!(again.unwrap_err(), ErrorCode::InvalidFetchSessionEpoch);
        let unknown = all.begin(Wall(2), id ^ 1, 1, Vec::new(), &[]);
        assert_eq!(unknown.unwrap_err(), ErrorCode::FetchSessionIdNotFound);
    }

    #[test]
    fn a_session_that_forgets_everything_ends() {
        let mut all = sessions(10);
        let id = open(&mut all, Wall(0), false, 1);
        let forgotten = [ask(0, 0).partition];
        let (context, asks) = all.begin(Wall(1), id, 1, Vec::new(), &forgotten).unwrap();
        assert_eq!((context, asks.len(), all.len()), (Context::Sessionless, 0, 0));
    }

    #[test]
    fn followers_push_out_consumers_and_not_the_reverse() {
        let mut all = sessions(1);
        let consumer = open(&mut all, Wall(0), false, 1);
        assert_ne!(consumer, 0);
        assert_eq!(open(&mut all, Wall(1), false, 1), 0, "a young consumer is safe from its like");
        let follower = open(&mut all, Wall(2), true, 1);
        assert_ne!(follower, 0);
        assert_eq!(open(&mut all, Wall(3), false, 9), 0);
        // Unused for longer than the limit, anybody goes.
        let late = Wall(3) + Duration::from_secs(121);
        assert_ne!(open(&mut all, late, false, 1), 0);
        assert_eq!(all.len(), 1);
    }
}
