//! An application that writes at a steady rate.

use std::time::Duration;

use bytes::Bytes;

use crate::message::{AppCall, Header, SendRecord};
use crate::node::application::config::{ProducerWorkload, ValueForm};
use crate::node::application::input::{Effect, Input};
use crate::protocol::Machine;
use crate::types::{CallToken, Deadlines, Monotonic, Name, Now, Rng, Wall};

/// Records due within this time go out together: a busy application has no finer timer either.
const TICK: Duration = Duration::from_millis(1);

/// After a longer pause than this the records that were due are not made up for.
const MAKES_UP_FOR: Duration = Duration::from_millis(100);

/// More different keys than these are made anew for each record.
const SHARED_KEYS_MAX: u64 = 1024;

/// Sends records at a steady rate by the steady clock, whatever becomes of them.
#[derive(Clone, Debug)]
pub(crate) struct Producer {
    config: ProducerWorkload,
    rng: Rng,
    value: Bytes,
    headers: Box<[Header]>,
    /// The keys made so far, while there are few: records with the same key share it.
    keys: Vec<Bytes>,
    /// When the next record is due; `None` before the start and after the end.
    next: Option<Monotonic>,
    /// When it last looked: a fast rate goes out in ticks.
    looked_at: Monotonic,
    sent: u64,
    /// The call that closes its client, once its process was asked to end.
    closing: Option<CallToken>,
}

impl Machine for Producer {
    type Input = Input;
    type Effect = Effect;

    fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Start => {
                self.next = Some(now.monotonic + self.config.start_after);
                self.looked_at = now.monotonic;
            }
            Input::Deadline => self.on_deadline(now, effects),
            Input::Stop => self.next = None,
            // What was sent is waited for (`KafkaProducer.close`).
            Input::Shutdown if self.closing.is_none() => {
                self.next = None;
                let token = CallToken(self.sent);
                self.closing = Some(token);
                effects.push(Effect::Call { token, call: AppCall::Close });
            }
            Input::Reply { token, .. } if self.closing == Some(token) => {
                effects.push(Effect::Exit);
            }
            // What becomes of a record is for the checkers to see.
            Input::Reply { .. } | Input::Administer(_) | Input::Shutdown => {}
        }
    }

    fn deadlines(&self) -> Deadlines {
        let tick = if self.gap() < TICK { TICK } else { Duration::ZERO };
        Deadlines::monotonic(self.next.map(|next| next.max(self.looked_at + tick)))
    }
}

impl Producer {
    pub(crate) fn new(config: ProducerWorkload, rng: Rng) -> Self {
        // One value for all: records are told apart by their batch and place.
        let value = Bytes::from(vec![b'v'; config.value_bytes as usize]);
        let header = |(name, value): &(Name, Name)| Header {
            name: Bytes::from(name.to_string()),
            value: Some(Bytes::from(value.to_string())),
        };
        let headers = config.headers.iter().map(header).collect();
        let (keys, next, looked_at) = (Vec::new(), None, Monotonic(0));
        Self { config, rng, value, headers, keys, next, looked_at, sent: 0, closing: None }
    }

    fn on_deadline(&mut self, Now { monotonic: now, wall }: Now, effects: &mut Vec<Effect>) {
        let Some(mut next) = self.next else { return };
        if next > now {
            return;
        }
        if now.since(next) > MAKES_UP_FOR {
            next = now;
        }
        let mut due = next;
        while due <= now {
            if self.config.records_max.is_some_and(|max| max <= self.sent) {
                self.next = None;
                return;
            }
            effects.push(self.send(wall));
            due = due + self.gap();
        }
        self.next = Some(due);
        self.looked_at = now;
    }

    /// From one record to the next. The remainder is spread, so that the rate is met.
    fn gap(&self) -> Duration {
        let records = self.config.records.max(1);
        let nth = self.sent % records;
        let per = u64::try_from(self.config.per.as_nanos()).unwrap_or(u64::MAX);
        let at = |nth: u64| match per.checked_mul(nth) {
            Some(nanos) => nanos / records / 1000,
            None => {
                let nanos = u128::from(per) * u128::from(nth) / u128::from(records);
                u64::try_from(nanos / 1000).unwrap_or(u64::MAX)
            }
        };
        Duration::from_micros((at(nth + 1) - at(nth)).max(1))
    }

    /// One of `keys` keys.
    fn key(&mut self, keys: u64) -> Bytes {
        let key = self.rng.below(keys);
        let make = |key| Bytes::from(format!("key-{key}"));
        if keys > SHARED_KEYS_MAX {
            return make(key);
        }
        if self.keys.is_empty() {
            self.keys = (0..keys).map(make).collect();
        }
        usize::try_from(key).ok().and_then(|key| self.keys.get(key)).cloned().unwrap_or_default()
    }

    /// The value of the record that is sent at `wall`.
    fn value(&self, wall: Wall, key: Option<&Bytes>) -> Bytes {
        match &self.config.value {
            ValueForm::Filler => self.value.clone(),
            ValueForm::Json { producer } => {
                let key = key.map(|key| String::from_utf8_lossy(key).into_owned());
                let mut text = serde_json::json!({
                    "producer": producer.as_str(),
                    "n": self.sent,
                    "key": key,
                    "at_ms": wall.millis(),
                })
                .to_string();
                // As large as the scenario says: the rest is white space, which JSON allows.
                let size = self.config.value_bytes as usize;
                text.extend(std::iter::repeat_n(' ', size.saturating_sub(text.len())));
                Bytes::from(text)
            }
        }
    }

    fn send(&mut self, wall: Wall) -> Effect {
        let key = self.config.keys.map(|keys| self.key(keys));
        let value = self.value(wall, key.as_ref());
        let record = SendRecord {
            topic: self.config.topic.clone(),
            partition: None,
            key,
            value: Some(value),
            headers: self.headers.clone(),
        };
        let token = CallToken(self.sent);
        self.sent += 1;
        Effect::Call { token, call: AppCall::Send(record) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(records: u64, seconds: u64) -> (u64, u64) {
        let config = ProducerWorkload {
            topic: Name::from("t"),
            records,
            per: Duration::from_secs(1),
            keys: Some(3),
            value_bytes: 10,
            value: ValueForm::Filler,
            headers: Vec::new(),
            records_max: None,
            start_after: Duration::from_millis(5),
        };
        let mut producer = Producer::new(config, Rng::named(1, "workload", &[]));
        let mut effects = Vec::new();
        producer.step(Now::default(), Input::Start, &mut effects);
        let mut steps = 0;
        let end = Monotonic(5000 + seconds * 1_000_000);
        while let Some(at) = producer.deadlines().monotonic.filter(|at| *at < end) {
            let now = Now { monotonic: at, ..Now::default() };
            producer.step(now, Input::Deadline, &mut effects);
            steps += 1;
        }
        (effects.len() as u64, steps)
    }

    #[test]
    fn the_rate_is_met_and_fast_ones_go_in_ticks() {
        assert_eq!(run(7, 10), (70, 70));
        assert_eq!(run(500, 3), (1500, 1500));
        let (records, steps) = run(20_000, 2);
        assert!((39_900..=40_000).contains(&records), "{records}");
        assert!(steps <= 2_100, "{steps}");
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let (config, mut effects) = (
            ProducerWorkload {
                topic: Name::from("t"),
                records: 100,
                per: Duration::from_secs(1),
                keys: None,
                value_bytes: 1,
                value: ValueForm::Filler,
                headers: Vec::new(),
                records_max: Some(12),
                start_after: Duration::ZERO,
            },
            Vec::new(),
        );
        let mut producer = Producer::new(config, Rng::named(1, "workload", &[]));
        producer.step(Now::default(), Input::Start, &mut effects);
        let late = Now { monotonic: Monotonic(9_000_000), ..Now::default() };
        producer.step(late, Input::Deadline, &mut effects);
        assert_eq!(effects.len(), 1);
        while let Some(at) = producer.deadlines().monotonic {
            let now = Now { monotonic: at, ..Now::default() };
            producer.step(now, Input::Deadline, &mut effects);
        }
        assert_eq!(effects.len(), 12, "records_max ends it");
    }

    #[test]
    fn json_says_which_record_it_is_and_of_whom() {
        let config = ProducerWorkload {
            topic: Name::from("t"),
            records: 10,
            per: Duration::from_secs(1),
            keys: Some(1),
            value_bytes: 100,
            value: ValueForm::Json { producer: "checkout".into() },
            headers: vec![("trace".into(), "on".into())],
            records_max: None,
            start_after: Duration::ZERO,
        };
        assert!(config.has_contents());
        let mut producer = Producer::new(config, Rng::named(1, "workload", &[]));
        let mut effects = Vec::new();
        producer.step(Now::default(), Input::Start, &mut effects);
        producer.step(Now::default(), Input::Deadline, &mut effects);
        let Effect::Call { call: AppCall::Send(record), .. } = &effects[0] else { panic!() };
        let value = record.value.clone().unwrap();
        assert_eq!(value.len(), 100);
        let json: serde_json::Value = serde_json::from_slice(&value).unwrap();
        assert_eq!((&json["producer"], &json["n"]), (&"checkout".into(), &0.into()));
        assert_eq!(json["key"], "key-0");
        assert_eq!(record.headers[0].name, "trace");
    }
}
