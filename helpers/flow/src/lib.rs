//! clodex-flow: several runs in a declared order, as one thing.
//!
//! A flow is read (`flow`, `lint`), given its inputs (`inputs`, `plan`), and carried out (`engine`): a pure schedule says
//! what begins when, the journal says what happened, and what is not in the journal did not happen. The work is done by
//! clodex-dispatch, started beside this program; what is known of a run comes from its record and its sealed artifacts.

mod begin;
mod cancel;
mod check_report;
mod cli;
mod condition;
mod continue_flow;
mod end_reason;
mod engine;
mod entry;
mod evidence;
mod exit_code;
mod facts;
mod flow;
mod flow_dir;
mod flow_state;
mod gate;
mod graph;
mod in_place;
mod inputs;
mod journal;
mod kept;
mod leftover_work;
mod library;
mod line_numbers;
mod lint;
mod live_runs;
mod next_actions;
mod outside_references;
mod plan;
mod problem;
mod raw;
mod reading;
mod ready;
mod reference;
mod report;
mod schedule;
mod show;
mod status;
mod step_command;
mod tell;
mod template;
mod values;

pub use entry::main;
