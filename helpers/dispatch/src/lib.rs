//! clodex-dispatch: packet → run → report, in four steps. **plan**: arguments, settings and packet become one decided
//! value. **watch**: Codex runs; `conductor` decides, `watch` performs. **judge**: facts become an outcome. **close**:
//! artifacts, seal, record, report.

mod answer;
mod artifacts;
mod asked;
mod attempts;
mod attribution;
mod backend;
mod beside;
mod board;
mod channel;
mod cli;
mod close;
mod codex_start;
mod conductor;
mod conversation;
mod desk;
mod enforcement;
mod entry;
mod final_message;
mod found;
mod hand_over;
mod interline;
mod isolate;
mod judge;
mod lines;
mod listener;
mod live_control;
mod lookout;
mod mount_points;
mod next_step;
mod opening;
mod output_file;
mod overlap_gate;
mod packet_file;
mod plan;
mod planning;
mod put_back;
mod quota;
mod refusal;
mod report;
mod resumed;
mod review;
mod reviewed;
mod run;
mod seal;
mod tape;
mod task_text;
mod verify;
mod watch;
mod writing;

pub use entry::main;
