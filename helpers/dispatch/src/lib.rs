//! clodex-dispatch: packet → run → report, in four steps. **plan**: arguments, settings and packet become one decided
//! value. **watch**: Codex runs; `conductor` decides, `watch` performs. **judge**: facts become an outcome. **close**:
//! artifacts, seal, record, report.

mod answer;
mod artifacts;
mod attempts;
mod attribution;
mod backend;
mod channel;
mod cli;
mod close;
mod codex_start;
mod concurrent_runs;
mod conductor;
mod conversation;
mod enforcement;
mod entry;
mod final_message;
mod flow_leftovers;
mod hand_over;
mod homes;
mod interline;
mod isolate;
mod judge;
mod lines;
mod listener;
mod live_control;
mod live_session;
mod mount_points;
mod next_step;
mod output_file;
mod output_log;
mod overlap_gate;
mod packet_file;
mod plan;
mod planning;
mod preflight;
mod put_back;
mod quota;
mod refusal;
mod report;
mod review;
mod reviewed;
mod run;
mod run_publisher;
mod run_resources;
mod scope_verdict;
mod task_request;
mod task_text;
mod thread_ref;
mod verify;
mod violation_watch;
mod watch;
mod writing;

pub use entry::main;
