//! The only crate that knows Codex's formats: what it prints, what it wants on its command line, where it keeps things.
//! Everything it learns leaves it in the words of `clodex-core`.

mod added_mcp;
mod answer_schema;
pub mod app_server;
mod app_server_argv;
mod command_environment;
mod config;
mod deny_read;
mod event_stream;
mod exec_argv;
mod exec_stream;
mod failure;
mod locate;
mod login;
mod mount_points;
mod profile;
mod profile_check;
mod quota;
mod review;
mod rollout;
mod sandbox_check;
mod session_import;
mod shell_command;
mod stderr_words;
mod thread;
mod tokens;
mod tolerant_json;
mod toml_text;
mod version;
mod version_probe;

pub use added_mcp::AddedMcp;
pub use answer_schema::AnswerSchema;
pub use app_server_argv::{AppServerRequest, app_server_argv};
pub use command_environment::{CommandEnvironment, NETWORK_IS_OFF, RUN_MARK};
pub use config::{CodexConfig, McpTransport, codex_home};
pub use deny_read::{denials, glob_of, is_glob};
pub use event_stream::EventStream;
pub use exec_argv::{
    ArgvError, Conversation, ExecRequest, Held, Keep, SlashTmp, bounded_retries, check_expressible, exec_argv,
};
pub use exec_stream::event_from_line;
pub use failure::{failure_kind, startup_failure_kind};
pub use locate::{NotFound, locate};
pub use login::{Login, ask_login, exec_has_key_in_environment};
pub use mount_points::{MOUNT_POINTS, MountPoints};
pub use profile::{Inexpressible, Profile, ProfileRequest};
pub use profile_check::{check_profiles, try_profiles_again};
pub use quota::{QuotaError, ask_rate_limits, rollout_quota};
pub use review::{REVIEW_SCHEMA, ReviewTarget, review_of, review_words};
pub use rollout::{
    Rollout, RolloutEntry, find_rollout, reviewer_usage, rollout_review, rollout_tail, rollout_tool_actions,
};
pub use sandbox_check::{SandboxHolds, check_sandbox};
pub use session_import::{ImportError, SessionImport, import_session};
pub use shell_command::unwrap_shell;
pub use stderr_words::{reason_on_stderr, said_on_stderr, words_on_stderr};
pub use thread::{is_thread_id, resume_hint};
pub use version::{CodexVersion, OLDEST, Version, VersionCache};
pub use version_probe::probe_version;
