//! Consumer groups at an instant, with the words of `kafka-consumer-groups.sh --describe`.

use serde::Serialize;

use crate::history::{FigureCounter, GroupFigures, GroupPartitionFigures};
use crate::report::at::{At, TellError, fold_showing};
use crate::report::state_text::COLUMNS_MAX;
use crate::report::table::table_within;
use crate::trace::{GroupMemberView, Model, RunFile, seconds};
use crate::types::HostId;

const NOTHING: &str = "-";

/// A consumer group after an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GroupState {
    /// Its id.
    pub group: String,
    /// `classic` or `consumer`, once it has had a generation.
    pub protocol: Option<&'static str>,
    /// The generation, or the group's epoch.
    pub generation: Option<i32>,
    /// The broker that the controller has made its coordinator.
    pub coordinator: Option<i32>,
    /// Its members that run, by host, as they see themselves.
    pub members: Vec<GroupMember>,
    /// The partitions that somebody owned or committed, by name.
    pub partitions: Vec<GroupPartition>,
}

/// A member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GroupMember {
    /// Its host.
    pub host: String,
    /// Its member id; empty before it has one.
    pub member_id: String,
    /// The generation or member epoch that it knows.
    pub epoch: i32,
    /// Where it stands.
    pub state: &'static str,
    /// Whether it leads its generation (classic).
    pub leads: bool,
    /// How many partitions it believes that it owns.
    pub partitions: usize,
    /// When its coordinator ceased to count it, while it does not know.
    pub expelled: Option<Expelled>,
}

/// A member that its coordinator no longer counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Expelled {
    /// When, in seconds.
    pub at: String,
    /// Why.
    pub because: &'static str,
}

/// A partition that a group consumes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GroupPartition {
    /// Topic and number.
    pub partition: String,
    /// Where the group has committed.
    pub current_offset: Option<i64>,
    /// The high watermark, which is where consumers see the end.
    pub log_end_offset: Option<i64>,
    /// Records in between.
    pub lag: u64,
    /// Those who believe that they own it: more than one while one of them is a zombie.
    pub owners: Vec<String>,
}

impl GroupState {
    /// The groups of the run of `file` at `at`: those called `names`, or all if it is empty; and
    /// the last event that is in them, with what is known after it.
    ///
    /// # Errors
    ///
    /// When the file does not read, has no such instant, or there is no such group.
    pub fn of(
        file: &RunFile,
        at: At,
        names: &[String],
    ) -> Result<(Vec<Self>, Model, u64), TellError> {
        let setup = &file.header.setup;
        let mut counter = FigureCounter::new(std::iter::empty(), true);
        let (model, last) = fold_showing(file, at, |event, _| counter.apply(event))?;
        let name = |host| setup.host_name(Some(host)).to_owned();
        let known = counter.figures(model.now, 0, &name).groups;
        for asked in names {
            if !known.iter().any(|group| group.name == *asked) {
                let known: Vec<_> = known.iter().map(|group| group.name.clone()).collect();
                return Err(TellError::Group { asked: asked.clone(), known });
            }
        }
        let wanted = known.iter().filter(|it| names.is_empty() || names.contains(&it.name));
        let groups = wanted.map(|figures| Self::from(figures, &model, &name)).collect();
        Ok((groups, model, last))
    }

    fn from(figures: &GroupFigures, model: &Model, name: &dyn Fn(HostId) -> String) -> Self {
        let mut members: Vec<GroupMember> = model
            .members_of(&figures.name)
            .map(|(host, view)| GroupMember::of(name(host), view))
            .collect();
        // `billing-10` stands behind `billing-9`.
        members.sort_by_key(|member| (member.host.len(), member.host.clone()));
        Self {
            group: figures.name.clone(),
            protocol: figures.protocol.map(crate::event::GroupProtocol::name),
            generation: figures.epoch,
            coordinator: model.coordinator_of(&figures.name).map(|broker| broker.0),
            members,
            partitions: figures
                .partitions
                .iter()
                .filter(|it| it.removed.is_none())
                .map(GroupPartition::of)
                .collect(),
        }
    }

    /// As text: a line for the group, a table of members, a table of partitions.
    pub fn text(&self) -> String {
        let or_nothing =
            |it: Option<i32>| it.map_or_else(|| NOTHING.to_owned(), |it| it.to_string());
        let is_modern = self.protocol == Some(crate::event::GroupProtocol::Consumer.name());
        let mut text = format!(
            "Group: {}  Protocol: {}  {}: {}  Coordinator: {}\n",
            self.group,
            self.protocol.unwrap_or(NOTHING),
            // A group of KIP-848 has no generations.
            if is_modern { "Epoch" } else { "Generation" },
            or_nothing(self.generation),
            or_nothing(self.coordinator)
        );
        if self.members.is_empty() {
            text += "  It has no member that runs.\n";
        } else {
            let rows: Vec<_> = self.members.iter().map(GroupMember::row).collect();
            text += &table_within(
                COLUMNS_MAX,
                "  ",
                &["MEMBER", "EPOCH", "STATE", "LEADS", "PARTITIONS"],
                &rows,
            );
            for member in &self.members {
                if let Some(Expelled { at, because }) = &member.expelled {
                    let host = &member.host;
                    text +=
                        &format!("  {host} was expelled at {at} and does not know it: {because}\n");
                }
            }
        }
        if !self.partitions.is_empty() {
            let head = ["PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "OWNER"];
            let rows: Vec<_> = self.partitions.iter().map(GroupPartition::row).collect();
            text.push('\n');
            text += &table_within(COLUMNS_MAX, "  ", &head, &rows);
        }
        text
    }
}

impl GroupMember {
    fn of(host: String, view: &GroupMemberView) -> Self {
        Self {
            host,
            member_id: view.member.to_string(),
            epoch: view.epoch,
            state: view.state.name(),
            leads: view.leads,
            partitions: view.owned.len(),
            expelled: view
                .expelled
                .map(|(at, because)| Expelled { at: seconds(at), because: because.name() }),
        }
    }

    fn row(&self) -> Vec<String> {
        let leads = if self.leads { "yes" } else { NOTHING };
        vec![
            self.host.clone(),
            self.epoch.to_string(),
            self.state.to_owned(),
            leads.to_owned(),
            self.partitions.to_string(),
        ]
    }
}

impl GroupPartition {
    fn of(figures: &GroupPartitionFigures) -> Self {
        let owners = figures.stints.iter().filter(|stint| stint.until.is_none());
        Self {
            partition: figures.name.clone(),
            current_offset: figures.committed.map(|offset| offset.0),
            log_end_offset: figures.end.map(|offset| offset.0),
            lag: figures.lag,
            owners: owners.map(|stint| stint.owner.clone()).collect(),
        }
    }

    fn row(&self) -> Vec<String> {
        let or_nothing =
            |it: Option<i64>| it.map_or_else(|| NOTHING.to_owned(), |it| it.to_string());
        let owners = self.owners.join(",");
        vec![
            self.partition.clone(),
            or_nothing(self.current_offset),
            or_nothing(self.log_end_offset),
            self.lag.to_string(),
            if owners.is_empty() { NOTHING.to_owned() } else { owners },
        ]
    }
}
