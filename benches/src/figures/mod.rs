//! What is measured, by group.

mod dispatch;
mod latency;
mod scope;
mod start;
mod stream;

use std::io;

use crate::Effort;
use crate::place::Place;
use crate::table::Table;

type Group = fn(&Place, Effort, &mut Table) -> io::Result<()>;

/// All groups, in the order of the table.
pub const GROUPS: [(&str, Group); 5] = [
    ("start", start::figures),
    ("scope", scope::figures),
    ("dispatch", dispatch::figures),
    ("latency", latency::figures),
    ("stream", stream::figures),
];
