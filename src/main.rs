//! The command line of kafsim.

fn main() {}
