//! The command line of clodex-flow. What `run` takes besides depends on the flow: each of its inputs is an option.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use serde::{Deserialize, Serialize};

use crate::flow::{Flow, Input, InputKind, Limits, OnFailure, Overlap};

const AFTER_HELP: &str = "\
A flow is named by its name (split, debate, parallel, one of ~/.config/clodex/flows or .clodex/flows) or by its file.
`clodex-flow run FLOW --help` shows what it takes; a flow under way is named by its id, or the beginning of one.

Exit codes: 0 done · 1 a turn failed, or what happened could not be written down · 2 bad arguments or flow · 4 out of \
time or tokens · 6 scope violation · 7 refused, or changes did not land · 8 not delivered: a gate did not let a step \
pass, or an answer is waited for · 130 cancelled · else that of the step that failed";

/// Carry out flows: several runs of Codex in a declared order, as one thing.
#[derive(Debug, Parser)]
#[command(name = "clodex-flow", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Carry out a flow
    Run(RunArguments),
    /// Show flows, or one of them
    Status(StatusArguments),
    /// Continue a flow that waits for an answer, was stopped before it finished, or failed (--again)
    Continue(ContinueArguments),
    /// End a flow and all its runs
    Cancel(OneArguments),
    /// Check a flow and start nothing
    Lint(LintArguments),
    /// Show a flow's steps, as text or as a Mermaid graph
    Show(ShowArguments),
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The flow: its name, or its file
    pub flow: OsString,
    /// Give an input: its name, `=`, its text or file (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<OsString>,
    /// Short name for people
    #[arg(long)]
    pub name: Option<String>,
    /// Work directory for prompts without a packet [default: the first packet's, else this one]
    #[arg(short = 'C', long = "cd", value_name = "DIR")]
    pub cd: Option<PathBuf>,
    /// What happens to steps that would write to the same place at the same time
    #[arg(long, value_name = "refuse|serialise|isolate", value_parser = overlap)]
    pub overlap: Option<Overlap>,
    /// What happens to the others when a step fails
    #[arg(long, value_name = "stop|finish", value_parser = on_failure)]
    pub on_failure: Option<OnFailure>,
    /// How much of everything it may take
    #[command(flatten)]
    pub limits: LimitArguments,
    #[command(flatten)]
    pub manner: MannerArguments,
}

/// How much of everything a flow may take, where it is not what its file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Args, Serialize, Deserialize)]
pub struct LimitArguments {
    /// Runs at the same time [default: what the flow says, else 4]
    #[arg(long, value_name = "COUNT", value_parser = one_at_least)]
    pub runs: Option<usize>,
    /// Tokens of all runs together, from the flow's beginning on; 0 = no limit
    #[arg(long, value_name = "COUNT")]
    pub tokens: Option<u64>,
    /// Wall clock in seconds, of all its processes together; 0 = no limit
    #[arg(long, value_name = "SEC")]
    pub timeout_sec: Option<u64>,
}

impl LimitArguments {
    /// These, and where they say nothing, those of before.
    #[must_use]
    pub fn over(self, before: Self) -> Self {
        Self {
            runs: self.runs.or(before.runs),
            tokens: self.tokens.or(before.tokens),
            timeout_sec: self.timeout_sec.or(before.timeout_sec),
        }
    }

    /// The limits of a flow that says itself what these do not.
    pub fn limits(self, of_flow: Limits) -> Limits {
        let unless_zero = |limit: u64| (limit > 0).then_some(limit);
        Limits {
            runs: self.runs.unwrap_or(of_flow.runs),
            tokens: self.tokens.map_or(of_flow.tokens, unless_zero),
            timeout: self
                .timeout_sec
                .map_or(of_flow.timeout, |limit| unless_zero(limit).map(Duration::from_secs)),
        }
    }
}

/// How a flow is carried out and told of.
#[derive(Debug, Clone, Args)]
pub struct MannerArguments {
    /// The codex program [default: the one on PATH]
    #[arg(long, value_name = "FILE")]
    pub codex: Option<PathBuf>,
    /// Print the report as JSON, and nothing else on stdout
    #[arg(long)]
    pub json: bool,
    /// Print nothing before the report
    #[arg(short, long)]
    pub quiet: bool,
}

impl MannerArguments {
    /// Whether somebody reads what happens while it happens.
    pub fn speaks(&self) -> bool {
        !self.quiet && !self.json
    }
}

/// `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The flow [default: all recent flows]
    pub flow: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

/// `continue`.
#[derive(Debug, Args)]
pub struct ContinueArguments {
    /// The flow
    pub flow: String,
    /// File with the answer that is waited for, or `-`
    #[arg(long, value_name = "FILE|-")]
    pub input: Option<PathBuf>,
    /// Which question it answers, where several wait
    #[arg(long, value_name = "STEP", requires = "input")]
    pub step: Option<String>,
    /// Also retry the steps that failed; a step whose changes could not land lands them, or, if they were discarded,
    /// runs again
    #[arg(long)]
    pub again: bool,
    /// Take a step whose changes could not land as landed: you have put them into your tree yourself, and committed
    /// them (repeatable)
    #[arg(long, value_name = "STEP")]
    pub landed: Vec<String>,
    /// How much of everything it may take, with what it has taken so far
    #[command(flatten)]
    pub limits: LimitArguments,
    #[command(flatten)]
    pub manner: MannerArguments,
}

/// `cancel`.
#[derive(Debug, Args)]
pub struct OneArguments {
    /// The flow
    pub flow: String,
    /// Called from inline shell: always exit 0, errors on stdout
    #[arg(long)]
    pub inline: bool,
}

/// `lint`.
#[derive(Debug, Args)]
pub struct LintArguments {
    /// The flow: its name, or its file
    pub flow: OsString,
}

/// `show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The flow: its name, or its file
    pub flow: OsString,
    /// As a Mermaid graph
    #[arg(long)]
    pub mermaid: bool,
}

/// What of a `run` has to be known before its flow's own options are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstLook {
    /// The flow: its name, or its file.
    pub flow: OsString,
    /// The directory around which it is looked for.
    pub cd: Option<PathBuf>,
}

/// Looks at the arguments of a `run` as far as they are the program's own; none = it is none, or names no flow.
pub fn first_look(arguments: &[OsString]) -> Option<FirstLook> {
    let rest = Arg::new("rest").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
    let rest = rest.value_parser(clap::value_parser!(OsString));
    // `--help` is the flow's, too.
    let command = Cli::command().mut_subcommand("run", |run| run.disable_help_flag(true).arg(rest));
    let mut words = arguments.to_vec();
    let mut look: Option<FirstLook> = None;
    loop {
        let matches = command.clone().try_get_matches_from(&words).ok()?;
        let Some(("run", run)) = matches.subcommand() else { return None };
        let look = look.get_or_insert(FirstLook { flow: run.get_one::<OsString>("flow")?.clone(), cd: None });
        look.cd = run.get_one("cd").cloned().or(look.cd.take());
        // What is unknown may be an option of the flow, and the program's own may come after it.
        let mut rest = run.get_many::<OsString>("rest").into_iter().flatten().cloned();
        if rest.next().is_none() {
            return Some(look.clone());
        }
        let begin = ["clodex-flow".into(), "run".into(), look.flow.clone()];
        words = begin.into_iter().chain(rest).collect();
    }
}

/// Whether `run` has an option of this name by itself.
pub fn is_option_of_run(name: &str) -> bool {
    let mut command = Cli::command();
    command.build();
    let run = command.find_subcommand("run");
    run.is_some_and(|run| run.get_arguments().any(|argument| argument.get_long() == Some(name)))
}

/// What was given to a flow on the command line: texts by input, and packets' paths.
pub type Words = BTreeMap<String, Vec<OsString>>;

/// Reads the arguments of a `run`, with the flow's inputs among its options.
pub fn parse_run(arguments: &[OsString], flow: &Flow) -> Result<(RunArguments, Words), clap::Error> {
    let command = Cli::command().mut_subcommand("run", |run| {
        flow.inputs
            .iter()
            .fold(run.about(flow.about.clone()), |run, (name, input)| run.arg(argument(name, input)))
    });
    let matches = command.try_get_matches_from(arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let (What::Run(run), Some(("run", given))) = (cli.what, matches.subcommand()) else {
        return Err(Cli::command().error(clap::error::ErrorKind::InvalidSubcommand, "this is not a run"));
    };
    let mut words = Words::new();
    for (name, input) in &flow.inputs {
        if let Some(values) = values(given, name, input) {
            words.insert(name.clone(), values);
        }
    }
    for set in &run.set {
        let (name, value) = pair(set).ok_or_else(|| bad_set(set))?;
        let given = words.entry(name.to_owned()).or_default();
        let takes_several = flow.inputs.get(name).is_some_and(|input| input.kind == InputKind::Packets);
        if !given.is_empty() && !takes_several {
            return Err(given_twice(name));
        }
        given.push(value);
    }
    Ok((run, words))
}

fn pair(set: &OsStr) -> Option<(&str, OsString)> {
    let bytes = set.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b'=')?;
    Some((str::from_utf8(&bytes[..end]).ok()?, OsStr::from_bytes(&bytes[end + 1..]).to_owned()))
}

fn bad_set(set: &OsStr) -> clap::Error {
    let message = format!("--set `{}` has no `=`\nhint: write --set KEY=VALUE\n", set.display());
    Cli::command().error(clap::error::ErrorKind::InvalidValue, message)
}

fn given_twice(name: &str) -> clap::Error {
    let message = format!("input {name} is given twice\nhint: give it once, with --{name} or with --set\n");
    Cli::command().error(clap::error::ErrorKind::ArgumentConflict, message)
}

fn values(given: &ArgMatches, name: &str, input: &Input) -> Option<Vec<OsString>> {
    let key = input_key(name);
    match input.kind {
        InputKind::Switch { .. } => given.get_flag(&key).then(|| vec!["yes".into()]),
        InputKind::Text | InputKind::OneOf(_) | InputKind::File | InputKind::Packet | InputKind::Packets => {
            Some(given.get_many::<OsString>(&key)?.cloned().collect())
        }
    }
}

/// An input may be called as an argument of ours is.
fn input_key(name: &str) -> String {
    format!("input {name}")
}

fn argument(name: &str, input: &Input) -> Arg {
    // Paths are bytes.
    let argument = Arg::new(input_key(name)).value_parser(clap::value_parser!(OsString));
    let argument = argument.help(input.about.clone()).help_heading("This flow");
    match &input.kind {
        InputKind::Text => argument.long(name.to_owned()).value_name("TEXT").allow_hyphen_values(true),
        InputKind::OneOf(words) => argument.long(name.to_owned()).value_name(words.join("|")),
        InputKind::File => argument.long(name.to_owned()).value_name("FILE"),
        InputKind::Packet => argument.long(name.to_owned()).value_name("PACKET"),
        InputKind::Switch { .. } => {
            argument.long(name.to_owned()).action(ArgAction::SetTrue).value_parser(clap::value_parser!(bool))
        }
        InputKind::Packets => argument.value_name("PACKET").num_args(1..).action(ArgAction::Append),
    }
}

fn overlap(word: &str) -> Result<Overlap, String> {
    Overlap::from_word(word).ok_or_else(|| "it is refuse, serialise or isolate".to_owned())
}

fn one_at_least(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "it is a number, 1 at least".to_owned())
}

fn on_failure(word: &str) -> Result<OnFailure, String> {
    OnFailure::from_word(word).ok_or_else(|| "it is stop or finish".to_owned())
}

#[cfg(test)]
mod tests;
