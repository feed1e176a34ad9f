//! Which build this is: the same build runs a scenario and seed the same.

/// The version of kafsim.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A hash of the sources, of `Cargo.lock` and of the version (`build.rs`).
pub const BUILD_ID: &str = env!("KAFSIM_BUILD_ID");
