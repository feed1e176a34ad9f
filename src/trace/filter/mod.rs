//! The filter language of `kafsim events`, and of the page.
//!
//! ```text
//! filter  = { [ "!" | "-" ] term }          all terms must be true; none is always true
//! term    = test | short | when | text
//! test    = key op value                    nothing between them
//! op      = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"
//! key     = "kind" | "host" | "partition" | "time" | "index" | "cause" | "about"
//!         | the name of a field, such as leader_epoch
//! value   = text without spaces, or in double quotes; with "=" and "!=" also
//!           a|b|c (any of them), a..b (from a, below b; either may be missing) and a* (begins so)
//! short   = ( "kind" | "part" | "node" | "op" | "fault" | "offset" | "epoch" | key ) ":" value
//!           { "," value }
//! when    = ( "after" | "before" ) ( ":" ( event | time ) | "(" filter ")" )
//! text    = a word without parentheses, or anything in double quotes: stands anywhere in the
//!           event's line
//! ```
//!
//! `time` is in seconds of the scenario's time, `index` may be written with its `e`. A test on a
//! field is false for events that have no such field, whatever the operator. What no event can
//! ever pass is a mistake: a range that ends before it begins, a host or partition that the run
//! does not have. `-` denies a term that is no bare word.
//!
//! Examples: `kind=log-truncated|log-recovered host=broker-1`, `partition=orders-0 time=9.5..12`,
//! `kind:append,hw part:0 offset:1319`, `-kind:fetch after(kind:fault)`. `docs/VIEWING.md` says
//! what the short tests mean.

mod error;
mod short;
mod terms;
mod test;
mod words;

pub use error::{FilterError, Problem};
pub use terms::Filter;
