//! Going on with a flow that waits, was ended before it was through, or failed. It goes on from what it was given then;
//! whether somebody carries it out is told by its lock.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use clodex_core::ExitCode;
use clodex_os::process::ProcessId;
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{Companion, Failure, sha256_hex};
use clodex_retention::place_of_worktree;

use crate::begin::{absolute, read_text, text_of};
use crate::cli::ContinueArguments;
use crate::engine::Engine;
use crate::evidence::Evidence;
use crate::flow_dir::{self, FlowDir};
use crate::flow_state::{FlowState, StepState};
use crate::journal::{Entry, Journal};
use crate::kept::Kept;
use crate::live_runs;
use crate::next_actions::{waiting, would_continue};
use crate::plan::Plan;
use crate::ready::{Ready, programs, schedule};
use crate::schedule::Stand;

/// How often it is looked for the records of what was just being started.
const LOOK: Duration = Duration::from_millis(100);

/// What there is to go on with.
#[derive(Debug)]
pub enum Continuation {
    /// The flow can be carried out.
    Ready(Box<Ready>),
    /// Nothing; the state says why.
    Nothing(FlowDir, Box<FlowState>),
}

/// Goes on with a flow.
pub fn continue_flow(arguments: &ContinueArguments) -> Result<Continuation, Failure> {
    let state = StateDir::required()?;
    let dir = flow_dir::find(&state, &arguments.flow)?;
    // Whoever types it takes their time: nobody shall have to wait for them.
    let answer = arguments.input.as_deref().map(answer).transpose()?;
    let lock = dir.lock()?.ok_or_else(|| dir.is_live())?;
    let (journal, flow_state) = reopened(&dir)?;
    let asks = waiting(&flow_state).next().is_some();
    let by_hand = by_hand(&flow_state, &arguments.landed)?;
    let has_work = match &answer {
        Some(_) => asks,
        None => !by_hand.is_empty() || would_continue(&flow_state, arguments.again),
    };
    if !has_work {
        return Ok(Continuation::Nothing(dir, Box::new(flow_state)));
    }
    let given = kept(&dir, arguments)?;
    let (flow, plan) = given.planned(&dir.read(&dir.file("flow.yaml"))?)?;
    let programs = programs(given.codex)?;
    let store = RecordStore::open(state).map_err(|error| Failure::usage(error.to_string()))?;
    let answered = match answer {
        Some(answer) => Some((answered(&flow_state, arguments.step.as_deref())?, answer)),
        None => None,
    };
    let seen_to = [by_hand, discarded(&flow_state, &store, arguments)].concat();
    let (journal, flow_state) = write_down(&dir, (journal, flow_state), arguments.again, seen_to, answered)?;
    make_answers_again(&dir, &flow_state, &store)?;
    end_left_behind(&dir, &plan, &flow_state, &store)?;
    let (schedule, limits) = (schedule(&flow, &plan, &flow_state), flow.limits);
    let speaks = arguments.manner.speaks();
    let engine = Engine { dir, plan, limits, journal, flow_state, schedule, store, programs, speaks };
    Ok(Continuation::Ready(Box::new(Ready { engine, lock })))
}

/// The journal of a flow, and what it comes to.
fn reopened(dir: &FlowDir) -> Result<(Journal, FlowState), Failure> {
    if !dir.journal().exists() {
        return Err(dir.never_began());
    }
    let (journal, lines) = Journal::reopen(&dir.journal())?;
    Ok((journal, FlowState::of(&lines).ok_or_else(|| dir.never_began())?))
}

/// That somebody has put into the tree what could not land.
fn by_hand(flow_state: &FlowState, steps: &[String]) -> Result<Vec<Entry>, Failure> {
    let landed = |step: &String| match flow_state.step(step) {
        Some(known) if known.not_landed.is_some() || known.stand == Stand::ToLand => {
            Ok(Entry::Landed { step: step.clone(), changed: Vec::new() })
        }
        _ => Err(Failure::usage(format!(
            "step `{step}` has no changes that could not land\n\
             hint: `clodex-flow status {}` shows where its steps stand",
            flow_state.begun.flow
        ))),
    };
    steps.iter().map(landed).collect()
}

/// That somebody has thrown away what had yet to land.
fn discarded(flow_state: &FlowState, store: &RecordStore, arguments: &ContinueArguments) -> Vec<Entry> {
    let is_gone = |known: &StepState| {
        let lands = known.stand == Stand::ToLand || arguments.again && known.not_landed.is_some();
        let facts = known.facts.as_ref().filter(|facts| lands && !facts.changed.is_empty());
        facts.and_then(|facts| facts.run.as_ref()).is_some_and(|run| {
            let places = [store.dir().landing(run.as_str()), place_of_worktree(store, run)];
            // What has landed is let go of one day, and its record with it.
            store.see(run).is_some() && places.iter().all(|place| !place.exists())
        })
    };
    let gone = flow_state.steps.iter().filter(|(step, known)| {
        // What somebody has put into the tree may be thrown away.
        !arguments.landed.contains(*step) && is_gone(known)
    });
    gone.map(|(step, _)| Entry::Discarded { step: step.clone() }).collect()
}

/// What the flow was given. What is said now comes before what was said at the beginning.
fn kept(dir: &FlowDir, arguments: &ContinueArguments) -> Result<Kept, Failure> {
    let mut kept = Kept::read(dir)?;
    kept.limits = arguments.limits.over(kept.limits);
    kept.codex = arguments.manner.codex.as_deref().map(absolute).or(kept.codex);
    Ok(kept)
}

/// Puts on the disk that somebody goes on, and what they answer.
fn write_down(
    dir: &FlowDir,
    (mut journal, mut flow_state): (Journal, FlowState),
    again: bool,
    seen_to: Vec<Entry>,
    answered: Option<(String, String)>,
) -> Result<(Journal, FlowState), Failure> {
    let mut write = |entry: Entry| -> Result<(), Failure> {
        flow_state.take_in(&journal.append(entry)?);
        Ok(())
    };
    write(Entry::Continued { process: ProcessId::own().into(), again })?;
    seen_to.into_iter().try_for_each(&mut write)?;
    if let Some((step, answer)) = answered {
        FlowDir::write(&dir.answer(&step), answer.as_bytes())?;
        write(Entry::Answered { step, answer: sha256_hex(answer.as_bytes()) })?;
    }
    journal.sync()?;
    Ok((journal, flow_state))
}

/// Answers of runs are not waited for on their way to the disk: what a crash of the machine took is made again from what
/// the runs sealed.
fn make_answers_again(dir: &FlowDir, flow_state: &FlowState, store: &RecordStore) -> Result<(), Failure> {
    for (id, known) in &flow_state.steps {
        let Some(run) = known.facts.as_ref().and_then(|facts| facts.run.as_ref()) else { continue };
        let is_there =
            dir.read(&dir.answer(id)).is_ok_and(|text| sha256_hex(text.as_bytes()) == known.answer);
        if let (false, Some(seen)) = (is_there, store.see(run)) {
            let answer = Evidence::of(&seen.record).answer;
            if sha256_hex(answer.as_bytes()) == known.answer {
                FlowDir::note(&dir.answer(id), answer.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// A run whose id a killed process had yet to write down is held back for ever: it ends by itself, and is not in the
/// way of what begins or lands now only when it has. It may not even have a record yet.
fn end_left_behind(
    dir: &FlowDir,
    plan: &Plan,
    flow_state: &FlowState,
    store: &RecordStore,
) -> Result<(), Failure> {
    let deadline = Instant::now() + live_runs::PATIENCE;
    for step in &plan.steps {
        while !Companion::wait_for_begun(&dir.stderr(&step.id), Instant::now() + LOOK)? {
            if deadline <= Instant::now() {
                return Err(Failure::new(
                    ExitCode::Refused,
                    format!("a dispatcher for step `{}` has yet to end\nhint: try again", step.id),
                ));
            }
            end_unknown(flow_state, store)?;
        }
    }
    end_unknown(flow_state, store)
}

/// Ends the runs that the journal does not know.
fn end_unknown(flow_state: &FlowState, store: &RecordStore) -> Result<(), Failure> {
    let known = flow_state.running();
    let mut runs = live_runs::of_flow(store, &flow_state.begun.flow);
    runs.retain(|run| known.iter().all(|(_, known)| *known != run.record.id));
    live_runs::end(&runs)
}

/// Which question an answer is for.
fn answered(flow_state: &FlowState, step: Option<&str>) -> Result<String, Failure> {
    let open: Vec<&str> = waiting(flow_state).collect();
    let hint = || format!("hint: these wait for an answer: {}", open.join(", "));
    match (step, &open[..]) {
        (Some(step), _) if open.contains(&step) => Ok(step.to_owned()),
        (Some(step), _) => Err(Failure::usage(format!("step `{step}` waits for no answer\n{}", hint()))),
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => Err(Failure::usage(format!(
            "cannot tell which question is answered\n{}; name one with --step",
            hint()
        ))),
    }
}

fn answer(path: &Path) -> Result<String, Failure> {
    let text = if path.as_os_str() == "-" { text_of(io::stdin().lock()) } else { read_text(path) };
    let text = text.map_err(|error| {
        Failure::usage(format!(
            "cannot read the answer from `{}`: {error}\nhint: check the path",
            path.display()
        ))
    })?;
    if text.trim().is_empty() {
        return Err(Failure::usage("the answer is empty\nhint: an answer is a text; `none` is one"));
    }
    Ok(text)
}
