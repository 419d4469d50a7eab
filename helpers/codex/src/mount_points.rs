//! What Codex's sandbox leaves behind: it mounts over these names in every directory that a command may write, and when
//! it is interrupted the empty directories stay. They show on the host while any command runs.

/// The names, directly below each writable root. An empty directory of such a name that was not there before the run,
/// and whose root no other live run shares, is Codex's and may be removed.
pub const MOUNT_POINTS: [&str; 4] = [".git", ".agents", ".codex", ".aws"];
