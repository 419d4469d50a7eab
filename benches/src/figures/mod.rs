//! What is measured, by group.

mod app_server;
mod backends;
mod dispatch;
mod flow;
mod hook;
mod latency;
mod scope;
mod start;
mod stream;

use std::io;

use crate::Effort;
use crate::scratch_dir::ScratchDir;
use crate::table::Table;

type Group = fn(&ScratchDir, Effort, &mut Table) -> io::Result<()>;

/// All groups, in the order of the table.
pub const GROUPS: [(&str, Group); 8] = [
    ("start", start::figures),
    ("hook", hook::figures),
    ("scope", scope::figures),
    ("dispatch", dispatch::figures),
    ("latency", latency::figures),
    ("stream", stream::figures),
    ("app-server", app_server::figures),
    ("flow", flow::figures),
];
