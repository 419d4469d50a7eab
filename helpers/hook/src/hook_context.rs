//! What a hook knows besides its event: where records are kept, and where the plugin is.

use std::ffi::OsString;
use std::path::PathBuf;

use clodex_os::clock::Timestamp;
use clodex_os::record_store::StateDir;

/// What the environment says.
#[derive(Debug, Clone)]
pub struct HookContext {
    /// Where the records of runs are; none where no variable says so.
    pub state: Option<StateDir>,
    /// The plugin itself, a directory that goes with its version.
    pub plugin_root: Option<PathBuf>,
    /// The plugin's own data: there the helpers are installed.
    pub plugin_data: Option<PathBuf>,
    /// The directory that the session was started in.
    pub project_dir: Option<PathBuf>,
    /// Claude Code's own process.
    pub claude_pid: Option<u32>,
    /// The time.
    pub now: Timestamp,
}

impl HookContext {
    /// Reads the environment and the clock; empty variables are none.
    pub fn from_env() -> Self {
        let path = |name: &str| {
            let value: Option<OsString> = std::env::var_os(name);
            value.filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        Self {
            state: StateDir::from_env(),
            plugin_root: path("CLAUDE_PLUGIN_ROOT"),
            plugin_data: path("CLAUDE_PLUGIN_DATA"),
            project_dir: path("CLAUDE_PROJECT_DIR"),
            claude_pid: std::env::var("CLAUDE_PID").ok().and_then(|pid| pid.parse().ok()),
            now: Timestamp::now(),
        }
    }
}
