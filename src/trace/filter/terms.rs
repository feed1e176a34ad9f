//! Filters: terms that must all be true.

use crate::event::Event;
use crate::trace::filter::error::{FilterError, Problem};
use crate::trace::filter::short::{self, Short};
use crate::trace::filter::test::{Test, number};
use crate::trace::filter::words::{Word, unquoted, words};
use crate::trace::text::Names;

/// `after(after(after(...)))` goes no deeper than this.
const DEPTH_MAX: usize = 16;

/// A filter that was read. It is shown the events of a run in their order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Filter {
    terms: Vec<Placed>,
}

#[derive(Clone, PartialEq, Debug)]
struct Placed {
    column: usize,
    is_negated: bool,
    term: Term,
}

#[derive(Clone, PartialEq, Debug)]
enum Term {
    Text(String),
    Test(Test),
    Short(Short),
    /// Before or after an event or a time.
    Side {
        is_after: bool,
        border: Border,
    },
    /// Before or after the first event that passes a filter, once it was seen.
    First {
        is_after: bool,
        filter: Filter,
        first: Option<u64>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Border {
    Event(u64),
    Micros(i64),
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text, 1, 0)
    }
}

impl Filter {
    fn read(text: &str, column: usize, depth: usize) -> Result<Self, FilterError> {
        let words = words(text, column)?;
        let terms = words.iter().map(|word| placed(word, depth)).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// Whether `event` passes, which must be the next of the run.
    pub fn accepts(&mut self, event: &Event, names: &Names) -> bool {
        let mut all = true;
        for placed in &mut self.terms {
            // All look at every event: some remember the first that they wait for.
            all &= placed.term.accepts(event, names) != placed.is_negated;
        }
        all
    }

    /// Whether it asks for certain hosts.
    pub fn names_hosts(&self) -> bool {
        self.terms.iter().any(|placed| match &placed.term {
            Term::Test(test) => test.key == "host",
            Term::Short(short) => short.names_node(),
            Term::First { filter, .. } => filter.names_hosts(),
            Term::Text(_) | Term::Side { .. } => false,
        })
    }

    /// Whether it asks for certain partitions.
    pub fn names_partitions(&self) -> bool {
        self.terms.iter().any(|placed| match &placed.term {
            Term::Test(test) => test.key == "partition",
            Term::Short(short) => short.names_partition(),
            Term::First { filter, .. } => filter.names_partitions(),
            Term::Text(_) | Term::Side { .. } => false,
        })
    }

    /// Checks that all hosts that it asks for are there. `known` has all names of hosts, and
    /// `world`.
    ///
    /// # Errors
    ///
    /// [`Problem::Absent`] for the first that is not.
    pub fn check_hosts(&self, known: &[String], names: &Names) -> Result<(), FilterError> {
        self.check(&|term| match term {
            Term::Test(test) if test.key == "host" => test.check(known),
            Term::Short(short) => short.check_nodes(known, names),
            _ => Ok(()),
        })
    }

    /// Checks that all partitions that it asks for are among `known`.
    ///
    /// # Errors
    ///
    /// [`Problem::Absent`] for the first that is not.
    pub fn check_partitions(&self, known: &[String]) -> Result<(), FilterError> {
        self.check(&|term| match term {
            Term::Test(test) if test.key == "partition" => test.check(known),
            Term::Short(short) => short.check_partitions(known),
            _ => Ok(()),
        })
    }

    /// Whether it asks for certain groups.
    pub fn names_groups(&self) -> bool {
        self.terms.iter().any(|placed| match &placed.term {
            Term::Test(test) => test.key == "group",
            Term::First { filter, .. } => filter.names_groups(),
            Term::Short(_) | Term::Text(_) | Term::Side { .. } => false,
        })
    }

    /// Checks that all groups that it asks for are among `known`.
    ///
    /// # Errors
    ///
    /// [`Problem::Absent`] for the first that is not.
    pub fn check_groups(&self, known: &[String]) -> Result<(), FilterError> {
        self.check(&|term| match term {
            Term::Test(test) if test.key == "group" => test.check(known),
            _ => Ok(()),
        })
    }

    fn check(&self, check: &dyn Fn(&Term) -> Result<(), Problem>) -> Result<(), FilterError> {
        for placed in &self.terms {
            let column = placed.column;
            check(&placed.term).map_err(|problem| FilterError { column, problem })?;
            if let Term::First { filter, .. } = &placed.term {
                filter.check(check)?;
            }
        }
        Ok(())
    }

    /// Whether every event passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

fn placed(word: &Word, depth: usize) -> Result<Placed, FilterError> {
    let failed = |problem| FilterError { column: word.column, problem };
    let (is_negated, text) = match word.text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => match word.text.strip_prefix('-').filter(|rest| is_deniable(rest)) {
            Some(rest) => (true, rest),
            None => (false, word.text.as_str()),
        },
    };
    let column = word.column + usize::from(is_negated);
    let term = match when(text, column, depth) {
        Some(read) => read?,
        None => plain(text).map_err(failed)?,
    };
    Ok(Placed { column: word.column, is_negated, term })
}

/// Whether a `-` before `rest` denies it; before a bare word it is a part of the word.
fn is_deniable(rest: &str) -> bool {
    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let key = rest.split(['=', '!', '<', '>', '~', ':', '(']).next().unwrap_or_default();
    rest.starts_with('"') || (key.len() < rest.len() && !key.is_empty() && is_name(key))
}

/// Reads `after(...)`, `before(...)`, `after:x` and `before:x`; nothing if `text` is none of them.
fn when(text: &str, column: usize, depth: usize) -> Option<Result<Term, FilterError>> {
    let (is_after, rest) = match (text.strip_prefix("after"), text.strip_prefix("before")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return None,
    };
    let failed = |problem| FilterError { column, problem };
    let lacks = |what| failed(Problem::Lacks { term: text.to_owned(), what });
    if let Some(border) = rest.strip_prefix(':') {
        let read = match border.strip_prefix('e').map(str::parse) {
            Some(Ok(index)) => Some(Border::Event(index)),
            Some(Err(_)) => None,
            None => number(border).and_then(|it| i64::try_from(it).ok()).map(Border::Micros),
        };
        let term = read.map(|border| Term::Side { is_after, border });
        let what = "an event or a time: write `after:e179442` or `after:19.15`";
        return Some(term.ok_or_else(|| lacks(what)));
    }
    let inner = rest.strip_prefix('(')?;
    let Some(inner) = inner.strip_suffix(')') else {
        return Some(Err(failed(Problem::Open(text.to_owned()))));
    };
    if inner.trim().is_empty() {
        return Some(Err(lacks("a filter between its parentheses")));
    }
    if depth >= DEPTH_MAX {
        return Some(Err(lacks("an end: it goes too deep")));
    }
    let column = column + text.chars().count() - inner.chars().count() - 1;
    let filter = Filter::read(inner, column, depth + 1);
    Some(filter.map(|filter| Term::First { is_after, filter, first: None }))
}

/// Reads a test, a short test or a text.
fn plain(text: &str) -> Result<Term, Problem> {
    if text.starts_with('"') {
        return Ok(Term::Text(unquoted(text).to_lowercase()));
    }
    let word = unquoted(text);
    if let Some(short) = short::read(&word)? {
        return Ok(short.map_or_else(Term::Test, Term::Short));
    }
    Ok(match Test::read(&word)? {
        Some(test) => Term::Test(test),
        None => Term::Text(word.to_lowercase()),
    })
}

impl Term {
    fn accepts(&mut self, event: &Event, names: &Names) -> bool {
        match self {
            Self::Text(text) => names.line(event).to_lowercase().contains(text.as_str()),
            Self::Test(test) => test.accepts(event, names),
            Self::Short(short) => short.accepts(event, names),
            Self::Side { is_after, border } => {
                let side = match border {
                    Border::Event(index) => event.index.cmp(index),
                    Border::Micros(micros) => event.at.scenario_micros().cmp(micros),
                };
                if *is_after { side.is_gt() } else { side.is_lt() }
            }
            Self::First { is_after, filter, first } => {
                // Before it is found, everything is before it.
                let is_later = first.is_some();
                if filter.accepts(event, names) {
                    first.get_or_insert(event.index);
                }
                if *is_after { is_later } else { first.is_none() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Kind, StepName};
    use crate::trace::setup::{HostSetup, Part, Setup};
    use crate::types::{
        BrokerId, BrokerSet, HostId, LeaderEpoch, Moment, Offset, PartitionEpoch, TopicId,
        TopicPartition,
    };

    fn accepts(filter: &str) -> bool {
        let host = HostSetup { name: "broker-1".into(), part: Part::Broker(BrokerId(1)) };
        let mut names = Names::new(Arc::new(Setup { hosts: vec![host], ..Setup::default() }));
        let mut event = Event {
            index: 41,
            at: Moment(21_500_000),
            host: Some(HostId(0)),
            step: StepName::default(),
            cause: Some(40),
            about: None,
            kind: Kind::TopicCommitted {
                topic: TopicId(9),
                name: "orders".into(),
                offset: Offset(2),
            },
        };
        names.learn(&event);
        event.kind = Kind::InSyncChanged {
            partition: TopicPartition::new(TopicId(9), 0),
            leader_epoch: LeaderEpoch(12),
            partition_epoch: PartitionEpoch(3),
            committed: BrokerSet::of(BrokerId(1)),
            maximal: [1, 2].map(BrokerId).into_iter().collect(),
        };
        filter.parse::<Filter>().unwrap().accepts(&event, &names)
    }

    #[test]
    fn terms_are_joined_and_turned_round() {
        for filter in [
            "",
            "kind=in-sync-changed",
            "kind=in-sync-*",
            "kind=log-appended|in-sync-changed host=broker-1",
            "partition=orders-0",
            "time=11..12s",
            "time>11.4 time<=11.5",
            "index=e41",
            "index=40..",
            "leader_epoch>9",
            "maximal=2",
            "maximal=[1,2]",
            "cause=40",
            "!kind=log-appended",
            "leader_epoch!=11",
            "ORDERS-0",
            "\"partition=orders-0\"",
        ] {
            assert!(accepts(filter), "{filter}");
        }
        for filter in [
            "kind!=in-sync-changed",
            "host=broker-2",
            "time=..11.5",
            "index<41",
            "maximal=3",
            "about=0",
            "about!=0",
            "records>=0",
            "!orders",
            "partition=orders-0 leader_epoch=1",
        ] {
            assert!(!accepts(filter), "{filter}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<Filter>().unwrap_err().problem.to_string();
        assert!(error("leader_epock=1").contains("did you mean `leader_epoch`?"));
        assert!(error("kind=log-append").contains("did you mean `log-appended`?"));
        assert!(error("kind=fault-began,role-taken").contains("`kind=fault-began|role-taken`"));
        assert!(error("role=leader,follower").contains("for several write `role=leader|follower`"));
        assert!(error("kind=").contains("lacks a key or a value"));
        assert!(error("\"open").contains("has no partner"));
        for (wrong, at) in
            [("((", 1), ("kind:role (after", 11), ("after(kind:role))", 17), ("a)b", 2)]
        {
            let error = wrong.parse::<Filter>().unwrap_err();
            assert_eq!(error.column, at, "{wrong}");
            assert!(matches!(error.problem, Problem::Parenthesis(_)), "{error}");
        }
        assert!("\"(a)\" after(\"(\")".parse::<Filter>().is_ok());
    }

    #[test]
    fn what_nothing_can_pass_is_refused() {
        let error = |text: &str| text.parse::<Filter>().unwrap_err().problem.to_string();
        assert_eq!(
            error("time=20..10"),
            "nothing lies in `time=20..10`, which goes from `20` to below `10`; write the smaller \
             one first"
        );
        assert!(error("index=e9..e9").contains("nothing lies in"));
        assert!(error("leader_epoch=3..2").contains("nothing lies in"));
        assert_eq!(error("time>soon"), "`soon` is no time; write a number, as in `time=10..20`");
        assert!(error("index=..x").contains("`x` is no index"));
        assert_eq!(
            error("role=lead"),
            "no event has `role=lead`; did you mean `leader` or `leaderless`?"
        );
        assert_eq!(
            error("role!=chief"),
            "no event has `role=chief`; there are candidate, follower, \
             leader, leaderless, observer, prospective, resigned, unattached"
        );
        assert!(error("error=not_enough").contains("did you mean `NOT_ENOUGH_REPLICAS` or"));
        assert!(error("unclean=yes").contains("there are false, true"));
        for fine in ["role=leader|follower", "role=lead*", "role~ead", "error=NONE", "keep!=synced"]
        {
            assert!(fine.parse::<Filter>().is_ok(), "{fine}");
        }
        for fine in ["time=9.5..10", "time=10..", "time=-3..4s", "time~9.5", "index=e1|e5"] {
            assert!(fine.parse::<Filter>().is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_the_run_does_not_have_is_refused_with_what_it_has() {
        let known = ["orders-0", "orders-1"].map(str::to_owned);
        let check = |text: &str| text.parse::<Filter>().unwrap().check_partitions(&known);
        for fine in ["", "host=broker-9", "partition=orders-0", "partition=orders*", "orders-7"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for fine in ["partition!=orders-1", "partition~ders", "partition=orders-0|orders-1"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for wrong in ["partition=orders-7", "!partition=orders-7", "partition!=orders-7"] {
            let told = "the run has no partition `orders-7`; it has orders-0, orders-1";
            assert_eq!(check(wrong).unwrap_err().problem.to_string(), told);
        }
        for wrong in ["partition=order*", "partition=orders-0|orders-7", "partition~x"] {
            assert_eq!(check(wrong).is_ok(), wrong == "partition=order*", "{wrong}");
        }
        let many: Vec<String> = (0..20).map(|at| format!("t-{at}")).collect();
        let error = "partition=x".parse::<Filter>().unwrap().check_partitions(&many);
        assert!(error.unwrap_err().problem.to_string().ends_with("t-11 and 8 more"));
    }
}
