//! The command line: arguments, one file a verb, results as text or JSON.

mod args;
mod check;
mod command;
mod config_text;
mod diff;
mod events;
mod explain;
mod export;
mod json;
mod json_groups;
mod lesson_index;
mod lesson_list;
mod lessons;
mod listing;
mod load;
mod log;
mod new;
mod output;
mod page;
mod paint;
mod replay;
mod run;
mod run_file;
mod schema;
mod serve;
mod simulated;
mod state;
mod sweep;
mod text;
mod text_groups;
mod text_owners;
mod timeline;
mod view;

pub use command::main;
