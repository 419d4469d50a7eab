//! What is measured, by group.

mod app_server;
mod backends;
mod dispatch;
mod hook;
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
pub const GROUPS: [(&str, Group); 7] = [
    ("start", start::figures),
    ("hook", hook::figures),
    ("scope", scope::figures),
    ("dispatch", dispatch::figures),
    ("latency", latency::figures),
    ("stream", stream::figures),
    ("app-server", app_server::figures),
];
