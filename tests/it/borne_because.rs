//! Why each step of an explanation happened, as it says, held against the run's events: there is a
//! *because*, what it names is there, came before, led to the step or is of those that it speaks
//! of, and what it says of times, errors and silences is so.

use std::collections::BTreeSet;

use kafsim::event::{Event, Kind};
use kafsim::report::explain::{Explanation, Step};
use kafsim::scenario::{Plan, Trigger, show_duration};
use kafsim::trace::{Setup, seconds};
use kafsim::types::{ApiKey, ErrorCode, HostId, Moment};

/// What the steps of `it` say of causes that the events do not bear out.
pub(crate) fn untrue(
    it: &Explanation,
    events: &[Event],
    setup: &Setup,
    plan: &Plan,
) -> Vec<String> {
    let run = Run { events, setup, plan };
    it.steps.iter().flat_map(|step| run.complaints(step)).collect()
}

/// Words that stand before the number of an event, and the kinds of event that they speak of.
const SPEAKS_OF: &[(&str, &[&str])] = &[
    ("its process starts", &["host-started"]),
    ("its process started", &["host-started"]),
    ("its process is down since", &["host-stopped"]),
    ("it was asked to", &["shutdown-requested"]),
    ("the controller decided so", &["partition-committed"]),
    ("decided so", &["partition-decided", "partition-committed"]),
    ("it had decided about", &["partition-decided"]),
    ("application asked for it", &["operation-invoked"]),
    ("application asked for them", &["operation-invoked"]),
    ("application has processed all below", &["processed"]),
    ("it has polled so far", &["polled"]),
    ("leads the metadata quorum in that epoch", &["quorum-role-taken"]),
    ("begins its epoch with a record", &["quorum-role-taken"]),
    ("it stands for election itself", &["quorum-role-taken"]),
    ("asks the controller to change the set", &["alter-partition-sent"]),
    ("the leader, asked for it", &["alter-partition-sent"]),
    ("for caught up", &["alter-partition-sent"]),
    ("asked to be registered", &["broker-registered"]),
    ("was fenced", &["registration-committed"]),
    ("told it so", &["offset-told"]),
    ("a member has come", &["member-joined"]),
    ("a member is gone", &["member-left"]),
    ("could not write to its log", &["storage-failed"]),
    ("the run heals, and all faults end", &["phase-began"]),
];

struct Run<'a> {
    events: &'a [Event],
    setup: &'a Setup,
    plan: &'a Plan,
}

/// An event that a text names, and what stands before it.
struct Cited<'a> {
    event: &'a Event,
    before: &'a str,
}

impl<'a> Run<'a> {
    fn complaints(&self, step: &Step) -> Vec<String> {
        let say =
            |what: &str| format!("e{}: {what}: {} - {:?}", step.event, step.text, step.because);
        let Some(because) = step.because.as_deref().filter(|it| !it.trim().is_empty()) else {
            return vec![say("no because")];
        };
        let event = self.event(step.event);
        let mut found = Vec::new();
        let least = self.cited(because).iter().map(|cited| self.first(cited.event).index).min();
        let led = self.led_to(event, least.unwrap_or(event.index));
        for number in numbers(because) {
            if number >= self.events.len() as u64 {
                found.push(say(&format!("there is no e{number}")));
            }
        }
        // What happened is no reason for itself.
        if because.contains(&format!("(e{}", step.event)) {
            found.push(say("it is its own reason"));
        }
        for cited in self.cited(because) {
            let at = cited.event.index;
            if at > event.index && cited.event.step != event.step {
                found.push(say(&format!("e{at} came later")));
            } else if !self.is_linked(&led, cited.event) && !self.is_of_it(step, event, &cited) {
                found.push(say(&format!("e{at} ({}) is not of it", cited.event.kind.name())));
            }
            found.extend(self.misnamed(because, &cited).map(|what| say(&what)));
        }
        found.extend(self.scenario(event, because).map(|what| say(&what)));
        found.extend(self.silence(event, because).map(|what| say(&what)));
        found.extend(self.error(event, because).map(|what| say(&what)));
        found.extend(self.expiry(event, because).map(|what| say(&what)));
        found
    }

    fn event(&self, index: u64) -> &'a Event {
        &self.events[usize::try_from(index).expect("an index")]
    }

    fn name(&self, host: Option<HostId>) -> &str {
        self.setup.host_name(host)
    }

    /// The events that `text` names: `(e7)`, `(e7, on its way ...)`, `since e7`, `(e7 to e9)`.
    fn cited<'b>(&self, text: &'b str) -> Vec<Cited<'b>>
    where
        'a: 'b,
    {
        let mut found = Vec::new();
        for (at, _) in text.match_indices('e') {
            let rest = &text[at + 1..];
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let is_word =
                text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '.');
            let number = rest[..digits].parse().ok().filter(|_| !is_word);
            let event = number.and_then(|it: usize| self.events.get(it));
            found.extend(event.map(|event| Cited { event, before: &text[..at] }));
        }
        found
    }

    /// The events not before `least` that led to `event` by their two parents.
    fn led_to(&self, event: &Event, least: u64) -> BTreeSet<u64> {
        let mut seen = BTreeSet::from([event.index]);
        let mut open = vec![event.index];
        while let Some(index) = open.pop() {
            let event = self.event(index);
            let parents = event.cause.into_iter().chain(event.about);
            for parent in parents.filter(|parent| *parent >= least) {
                if seen.insert(parent) {
                    open.push(parent);
                }
            }
        }
        seen
    }

    /// The first event of the step of `event`.
    fn first(&self, event: &'a Event) -> &'a Event {
        let first = event.cause.map(|cause| self.event(cause));
        first.filter(|first| first.step == event.step).unwrap_or(event)
    }

    /// Whether `cited` is of a step that led to what is explained.
    fn is_linked(&self, led: &BTreeSet<u64>, cited: &'a Event) -> bool {
        let first = usize::try_from(self.first(cited).index).expect("an index");
        let step = self.events.iter().skip(first);
        step.take_while(|it| it.step == cited.step).any(|it| led.contains(&it.index))
    }

    /// Whether `cited`, to which no parent leads, is of the host, the partition or the broker of
    /// which the step speaks.
    fn is_of_it(&self, step: &Step, event: &Event, cited: &Cited<'_>) -> bool {
        let (before, cited) = (cited.before, cited.event);
        let because = step.because.as_deref().unwrap_or_default();
        let is_named = |host: Option<HostId>| {
            host.is_some()
                && (host == event.host
                    || because.contains(self.name(host))
                    || step.text.contains(self.name(host)))
        };
        let broker = |broker| {
            let name = self.setup.node_name(broker);
            because.contains(&name) || step.text.contains(&name)
        };
        // What a scenario's `when` waits for may be anybody's.
        if because.contains("`when`") {
            return cited.at <= event.at;
        }
        match &cited.kind {
            Kind::FaultBegan { fault, .. } | Kind::FaultEnded { fault, .. } => {
                let clause = before.rsplit([';', ':']).next().unwrap_or(before);
                clause.contains(&format!("fault {} ", fault + 1)) || before == "it began at "
            }
            Kind::FaultWaits { .. } | Kind::PhaseBegan { .. } => cited.host.is_none(),
            Kind::RegistrationCommitted { broker: it, .. }
            | Kind::BrokerRegistered { broker: it, .. } => broker(*it),
            Kind::PartitionCommitted { .. } => {
                because.contains("decided") || step.text.contains(" leader")
            }
            Kind::Delivered { from, .. } => cited.host == event.host && is_named(Some(*from)),
            _ => is_named(cited.host),
        }
    }

    /// What a because says of an event beside its number: who sent it, when it was, which fault.
    fn misnamed(&self, because: &str, cited: &Cited<'_>) -> Option<String> {
        let (event, at) = (cited.event, cited.event.index);
        let before = cited.before.trim_end_matches('(').trim_end();
        let clause = before.rsplit([';', ',']).next().unwrap_or(before);
        if let Kind::Delivered { from, api, is_response, .. } = &event.kind {
            let sender = self.name(Some(*from));
            let request = format!("the {} request of {sender}", api.name());
            let answer = format!("the answer of {sender} to its {} request", api.name());
            let wanted = if *is_response { answer } else { request };
            let speaks = [" request of ", "the answer of "].iter().any(|it| clause.contains(it));
            if speaks && !before.ends_with(&wanted) {
                return Some(format!("e{at} is {wanted}"));
            }
        }
        let phrase = SPEAKS_OF.iter().find(|(phrase, _)| before.ends_with(phrase));
        if let Some((phrase, kinds)) = phrase
            && !kinds.contains(&event.kind.name())
        {
            return Some(format!("`{phrase}` is not said of e{at}, {}", event.kind.name()));
        }
        // "at 19.103174 (e63287)".
        let time = before.rsplit(' ').next().unwrap_or_default();
        let is_time = time.split_once('.').is_some_and(|(_, micros)| {
            micros.len() == 6 && micros.bytes().all(|it| it.is_ascii_digit())
        });
        if is_time && before.ends_with(&format!("at {time}")) && time != seconds(event.at) {
            return Some(format!("e{at} was at {}", seconds(event.at)));
        }
        if let Kind::FaultEnded { fault, .. } = &event.kind
            && before.ends_with("is over")
        {
            let began =
                self.events[..event.index as usize].iter().rev().find_map(|it| match &it.kind {
                    Kind::FaultBegan { fault: of, verb, .. } if of == fault => {
                        Some(format!("fault {} ({verb} since {}) is over", of + 1, seconds(it.at)))
                    }
                    _ => None,
                });
            if !began.is_some_and(|began| because.contains(&began)) {
                return Some(format!("e{at} is the end of fault {}", fault + 1));
            }
        }
        None
    }

    /// "the scenario asks for it at 12s".
    fn scenario(&self, event: &Event, because: &str) -> Option<String> {
        let Kind::FaultBegan { fault, .. } = &event.kind else { return None };
        let planned = self.plan.faults.get(usize::try_from(*fault).ok()?)?;
        let is_so = match &planned.trigger {
            Trigger::At(time) => {
                let waited = because.contains("nobody whom it could befall");
                because.contains(&format!("at {}", show_duration(*time)))
                    && (waited || event.at == Moment::SCENARIO_BEGINS + *time)
            }
            Trigger::When(milestone) => {
                let seen = self.cited(because);
                seen.first().is_some_and(|seen| {
                    seen.event.kind.name() == milestone.event.as_str()
                        && seen.event.at + milestone.after <= event.at
                }) && because.contains("`when`")
            }
        };
        (!is_so).then(|| "the scenario does not ask for it like that".to_owned())
    }

    /// "last heard of at 19.1 (e7)", "the last fetch of broker-1 came at 4.9 (e8)", "has come since
    /// e9": then nothing like it came after.
    fn silence(&self, event: &Event, because: &str) -> Option<String> {
        for cited in self.cited(because) {
            let Kind::Delivered { from, api, is_response, .. } = &cited.event.kind else {
                continue;
            };
            let before = cited.before;
            let was_last = before.contains("last heard of at")
                || before.rsplit("the last fetch of").next().is_some_and(|it| {
                    it.contains(" came at ")
                        && it.len() < 60
                        && before.contains("the last fetch of")
                })
                || before.ends_with("has come since ");
            if !was_last {
                continue;
            }
            let silent = event.at.0.abs_diff(cited.event.at.0);
            let is_session = before.contains("last heard of at");
            if is_session && !self.sessions().iter().any(|it| it.abs_diff(silent) < 500_000) {
                return Some(format!("{silent} us of silence are no session"));
            }
            // Another process may have its name by now.
            if is_session {
                continue;
            }
            let (from_here, to) = (cited.event.index + 1, event.index);
            let after = &self.events[usize::try_from(from_here).ok()?..usize::try_from(to).ok()?];
            let again = after.iter().find(|it| {
                it.host == event.host
                    && matches!(&it.kind, Kind::Delivered { from: who, api: what, is_response: answer, .. }
                        if who == from && is_alike(*what, *api) && answer == is_response)
            });
            if let Some(again) = again {
                return Some(format!("e{} came after e{}", again.index, cited.event.index));
            }
        }
        None
    }

    /// Where a connection is said to be closed because a request was too old, the producer had sent
    /// one so long before.
    fn expiry(&self, event: &Event, because: &str) -> Option<String> {
        let cited = self.cited(because).into_iter();
        let closed = cited
            .filter(|it| it.before.contains("request.timeout.ms was over, and it closed"))
            .find(|it| matches!(it.event.kind, Kind::ConnectionClosed { .. }))?
            .event;
        let producers = self.plan.producers.iter();
        let timeouts: Vec<u128> = producers
            .map(|producer| producer.config.duration("request.timeout.ms").as_micros())
            .collect();
        let is_due = self.events.iter().take_while(|it| it.index < closed.index).any(|it| {
            let age = u128::from(closed.at.0.saturating_sub(it.at.0));
            it.host == event.host
                && matches!(it.kind, Kind::BatchSent { .. })
                && timeouts.iter().any(|timeout| age.abs_diff(*timeout) < 100_000)
        });
        (!is_due)
            .then(|| format!("e{}: nothing was sent a request.timeout.ms before", closed.index))
    }

    /// How long sessions of members are, in microseconds.
    fn sessions(&self) -> Vec<u64> {
        let groups = self.plan.groups.iter();
        let own = groups.map(|group| group.config.duration("session.timeout.ms"));
        let brokers = self.plan.cluster.brokers.iter();
        let key = "group.consumer.session.timeout.ms";
        let all = own.chain(brokers.map(|broker| broker.config.duration(key)));
        all.map(|it| u64::try_from(it.as_micros()).expect("a time")).collect()
    }

    /// An error that is named is that of the event named with it, or of the step.
    fn error(&self, event: &Event, because: &str) -> Option<String> {
        // What a bug does in general is another matter.
        let because = because.split(" is switched on: ").next().unwrap_or(because);
        let named = ErrorCode::NAMES.iter().filter(|name| {
            name.contains('_')
                && because
                    .split(|c: char| !c.is_ascii_uppercase() && c != '_')
                    .any(|word| word == **name)
        });
        let cited = self.cited(because);
        let mut events = cited.iter().map(|it| it.event).chain([event]);
        for name in named {
            let is_so =
                events.any(|it| error_of(&it.kind).is_some_and(|it| it.to_string() == **name));
            if !is_so {
                return Some(format!("nobody said {name}"));
            }
        }
        None
    }
}

/// Whether two requests of a member both show that it lives, or are of one kind.
fn is_alike(one: ApiKey, other: ApiKey) -> bool {
    let shows_life = |api| {
        matches!(
            api,
            ApiKey::Heartbeat
                | ApiKey::ConsumerGroupHeartbeat
                | ApiKey::JoinGroup
                | ApiKey::SyncGroup
                | ApiKey::OffsetCommit
        )
    };
    one == other || (shows_life(one) && shows_life(other))
}

fn error_of(kind: &Kind) -> Option<ErrorCode> {
    match kind {
        Kind::ProduceHandled { error, .. }
        | Kind::ProduceAnswered { error, .. }
        | Kind::AlterPartitionDecided { error, .. }
        | Kind::AlterPartitionAnswered { error, .. }
        | Kind::OffsetCommitAnswered { error, .. }
        | Kind::BatchDone { error, .. }
        | Kind::CommitAnswered { error, .. } => Some(*error),
        _ => None,
    }
}

/// The numbers of the events that `text` names, there or not.
fn numbers(text: &str) -> Vec<u64> {
    let words = text.split("(e").skip(1);
    let digits = |word: &str| {
        let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
        word[..end].parse().ok()
    };
    words.filter_map(digits).collect()
}
