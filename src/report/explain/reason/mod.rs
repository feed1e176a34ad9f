//! Why a step of an explanation happened, where its own words do not say so: as the record's links
//! have it.

mod clients;
mod cluster;
mod faults;
mod groups;
mod logs;
mod quorum;
mod reasons;
mod trail;

pub(crate) use reasons::Reasons;
