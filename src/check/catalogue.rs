//! Every property, in the order in which reports list them.

use crate::check::property::{Info, Property};

/// A fresh instance of every property.
pub fn all() -> Vec<Box<dyn Property>> {
    Vec::new()
}

/// What the catalogue says of every property.
pub fn infos() -> Vec<&'static Info> {
    all().iter().map(|property| property.info()).collect()
}
