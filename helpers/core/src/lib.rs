//! Vocabulary and decisions of clodex. Nothing here does I/O, reads a clock, an environment variable or the OS:
//! every decision is a function of its arguments, every effect happens in a crate above this one.

mod by_products;
mod claim;
mod containment;
mod event;
mod grants;
mod isolate;
mod landing;
mod live_line;
mod live_message;
mod liveness;
mod mode;
mod network;
mod on_violation;
mod outcome;
mod packet;
mod patch_approval;
mod path_text;
mod policy;
mod progress;
mod prompt;
mod question_part;
mod quota;
mod record;
mod refused_write;
mod review;
mod run_id;
mod run_ref;
mod run_result;
mod run_story;
mod scope_overlap;
mod scope_rules;
mod seal;
mod sections;
mod settings;
mod styled_line;
mod template;
mod tiers;
mod toggle;
mod tool_action;
mod utc_text;
mod verdict;
mod verification;
mod watchdog;
mod yaml;

pub use by_products::{BUILT_IN_DIRECTORIES, ByProducts};
pub use claim::{Claim, ClaimParse, ClaimedVerdict, WorkerResult};
pub use containment::{Containment, Enforcement, Sandbox};
pub use event::{ChangeKind, CommandStatus, Event, FailureKind, FileChange, PatchStatus, Usage};
pub use grants::{Access, Grants};
pub use isolate::Isolate;
pub use landing::{
    FileState, JOURNAL_FILE, LANDED_FILE, LANDING_VERSION, Landing, LandingChange, PathBytes, is_executable,
};
pub use live_line::{
    Attention, LiveLine, elapsed_ms, elapsed_text, files_text, left_ms, live_lines_summed, tokens_text,
};
pub use live_message::{
    LIVE_MESSAGE_VERSION, LIVE_TEXT_MAX_BYTES, LiveFate, LiveMessage, LiveOutcome, LiveReply, LiveWish,
};
pub use liveness::Liveness;
pub use mode::Mode;
pub use network::Network;
pub use on_violation::OnViolation;
pub use outcome::{Ending, ExitCode, Outcome, exit_code};
pub use packet::{
    Field, PACKET_MAX_BYTES, Packet, PacketItem, PacketProblem, PacketProblems, copy_refusal,
    scope_syntax_refusal,
};
pub use patch_approval::{PatchApproval, PatchedPath, patch_approval};
pub use path_text::path_text;
pub use policy::{Denied, Policy, Profile};
pub use progress::{FilesTouched, Phase, Progress, ProgressFold, ThreadBase, command_phase};
pub use prompt::{AnswerForm, DOCS_MAX_BYTES, DocsError, ProjectDoc, Prompt, Task, fenced};
pub use question_part::{Need, PartAnswer, PartOption, PartWants, QuestionPart, Visibility, part_answers};
pub use quota::{DEFAULT_QUOTA_GATE, Quota, RateLimits, RateWindow, span_text};
pub use record::{Flow, Isolated, OpenRequest, ProcessMark, RECORD_VERSION, RunRecord};
pub use refused_write::refused_writes;
pub use review::{Finding, Lines, NOTHING_TO_REVIEW, Review, Severity, count_text};
pub use run_id::{InvalidRunId, RunId, slug};
pub use run_ref::{Candidate, RunRef};
pub use run_result::{CommandSeen, Durations, RunResult, Tokens};
pub use run_story::{FailureSeen, RunStory, Turn};
pub use scope_overlap::{ScopeIn, scope_overlap, scopes_meet, trees_meet};
pub use scope_rules::{PathKind, Place, ScopeEntry, ScopeEntryError, ScopeRules};
pub use seal::Seal;
pub use settings::{
    Backend, ContainmentWish, DEFAULT_HEARTBEAT_SEC, DEFAULT_RETENTION_DAYS, DEFAULT_TIMEOUT_SEC, Layer,
    PROJECT_LIMIT_SEC, Setting, Settings, SettingsError, Source,
};
pub use styled_line::{Colour, StyledLine, Tone, cut, escaped, harmless, harmless_prose, text_width};
pub use template::{BUILT_IN_TEMPLATES, TemplateError, fill_template, fill_template_with, template_keys};
pub use tiers::{ModelChoice, Tier, Tiers, UnknownTier};
pub use toggle::{TOGGLE_FLAG, Toggle};
pub use tool_action::{Change, ToolAction, ToolActionKind, done_by};
pub use utc_text::utc_ms;
pub use verdict::{Verdict, Violation, ViolationKind};
pub use verification::{
    Check, CheckStatus, Verification, VerificationEntry, VerificationStatus, claim_about,
    verification_attention, verification_command,
};
pub use watchdog::{Health, Watchdog};
pub use yaml::{RefusedKey, YAML_MAX_BYTES, YamlError, YamlPart, parse_yaml};
