//! Beginning a flow: from arguments to an engine that can carry it out. Whatever is wrong is told before anything is
//! started.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clodex_os::Failure;
use clodex_os::process::ProcessId;
use clodex_os::record_store::{RecordStore, StateDir};

use crate::cli::{RunArguments, Words};
use crate::engine::Engine;
use crate::flow::{Flow, InputKind};
use crate::flow_dir::FlowDir;
use crate::flow_state::FlowState;
use crate::gate::Gate;
use crate::inputs::{Given, GivenValue};
use crate::journal::{Begun, Entry, JOURNAL_VERSION, Journal};
use crate::kept::Kept;
use crate::library::Source;
use crate::outside_references::Whole;
use crate::plan::{Decided, Plan};
use crate::ready::{Ready, programs, schedule};
use crate::step_command::{packet_file, schema_file};

/// No input is larger.
const MAX_BYTES: u64 = 16 << 20;

/// Begins a flow.
pub fn begin(run: &RunArguments, words: &Words, source: &Source, whole: &Whole) -> Result<Ready, Failure> {
    let mut kept = kept(run, words, source, whole)?;
    let (flow, plan) = kept.planned(&source.text)?;
    kept.isolate = plan.decided();
    source.check_planned_tiers(&flow, &plan)?;
    let programs = programs(kept.codex.clone())?;
    let state = StateDir::required()?;
    let store = RecordStore::open(state.clone()).map_err(|error| Failure::usage(error.to_string()))?;
    let title = run.name.clone().unwrap_or_else(|| title(&plan));
    let encoded = kept.encoded()?;
    let (dir, lock) = FlowDir::make(&state, &flow.name, &title)?;
    write_files(&dir, (&kept, &encoded), &source.text, whole, &plan)?;
    let mut journal = Journal::create(&dir.journal())?;
    let first = journal.append(Entry::Begun(Begun {
        version: JOURNAL_VERSION,
        flow: dir.id(),
        name: flow.name.clone(),
        title,
        workdir: kept.workdir.display().to_string(),
        process: ProcessId::own().into(),
        session: env::var("CLAUDE_CODE_SESSION_ID").ok().filter(|id| !id.is_empty()),
        steps: plan.steps.iter().map(|step| step.id.clone()).collect(),
        needs: plan.needs(),
        on_failure: flow.on_failure,
    }))?;
    journal.sync()?;
    let flow_state = FlowState::of(&[first]).ok_or_else(|| Failure::usage("the journal did not begin"))?;
    let (schedule, limits) = (schedule(&flow, &plan, &flow_state), flow.limits);
    let speaks = run.manner.speaks();
    let engine = Engine { dir, plan, limits, journal, flow_state, schedule, store, programs, speaks };
    Ok(Ready { engine, lock })
}

/// What was said, as it is kept; how steps are isolated is decided by the plan.
fn kept(run: &RunArguments, words: &Words, source: &Source, whole: &Whole) -> Result<Kept, Failure> {
    Ok(Kept {
        version: JOURNAL_VERSION,
        origin: source.origin.clone(),
        workdir: workdir(run.cd.as_deref())?,
        workdir_is_named: run.cd.is_some(),
        inputs: given(words, &whole.flow)?,
        overlap: run.overlap.map(|overlap| overlap.as_str().to_owned()),
        on_failure: run.on_failure.map(|one| one.as_str().to_owned()),
        isolate: Decided::new(),
        codex: run.manner.codex.as_deref().map(absolute),
        limits: run.limits,
    })
}

fn workdir(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let named = named.unwrap_or(Path::new("."));
    let refused = |why: String| {
        let named = named.display();
        Failure::usage(format!("cannot use work directory `{named}`: {why}\nhint: name one with --cd"))
    };
    let found = named.canonicalize().map_err(|error| refused(error.to_string()))?;
    if found.to_str().is_none() {
        // What runs leave there is found by what their records say of it.
        return Err(refused("its name is not UTF-8".to_owned()));
    }
    Ok(found)
}

/// What was given, read where it is a file.
fn given(words: &Words, flow: &Flow) -> Result<Given, Failure> {
    let mut given = Given::new();
    for (name, values) in words {
        let kind = flow.inputs.get(name).map(|input| &input.kind);
        let first = values.first().map(OsString::as_os_str).unwrap_or_default();
        let value = match kind {
            Some(InputKind::Packets) => {
                GivenValue::Texts(values.iter().map(|path| input_text(name, path)).collect::<Result<_, _>>()?)
            }
            Some(InputKind::Packet | InputKind::File) => GivenValue::Text(input_text(name, first)?),
            Some(InputKind::Text | InputKind::OneOf(_) | InputKind::Switch { .. }) | None => {
                let text = first.to_str().ok_or_else(|| {
                    Failure::usage(format!("cannot use {name}: it is not UTF-8\nhint: give it as text"))
                })?;
                GivenValue::Text(text.to_owned())
            }
        };
        given.insert(name.clone(), value);
    }
    Ok(given)
}

fn input_text(name: &str, path: &OsStr) -> Result<String, Failure> {
    read_text(Path::new(path)).map_err(|error| {
        let path = path.display();
        Failure::usage(format!("cannot read {name} `{path}`: {error}\nhint: check the path"))
    })
}

/// The text of a file, or of whatever can be read like one.
pub fn read_text(path: &Path) -> io::Result<String> {
    text_of(fs::File::open(path)?)
}

/// All of it, or an error.
pub fn text_of(source: impl io::Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it is longer than {MAX_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// A path as it is from wherever somebody goes on.
pub fn absolute(path: &Path) -> OsString {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).into()
}

/// What people call a flow when nobody says: what it is about, else its name.
fn title(plan: &Plan) -> String {
    let packet = plan.inputs.first_packet().map(|packet| match plan.inputs.packet_count() {
        1 => packet.title().to_owned(),
        count => format!("{} and {} more", packet.title(), count - 1),
    });
    packet.or_else(|| plan.inputs.text("topic", None)).unwrap_or_else(|| plan.name.clone())
}

/// Everything that the flow goes on from later, on the disk before its journal begins.
fn write_files(
    dir: &FlowDir,
    (kept, encoded): (&Kept, &[u8]),
    text: &str,
    whole: &Whole,
    plan: &Plan,
) -> Result<(), Failure> {
    FlowDir::write(&dir.file("flow.yaml"), text.as_bytes())?;
    FlowDir::write(&dir.file("inputs.json"), encoded)?;
    for (name, input) in &whole.flow.inputs {
        if let (Some(GivenValue::Text(text)), InputKind::Text | InputKind::File) =
            (kept.inputs.get(name), &input.kind)
        {
            FlowDir::note(&dir.file("inputs").join(format!("{name}.md")), text.as_bytes())?;
        }
        let texts: &[String] = match (kept.inputs.get(name), &input.kind) {
            (Some(GivenValue::Texts(texts)), _) => texts,
            (Some(GivenValue::Text(text)), InputKind::Packet) => std::slice::from_ref(text),
            (Some(GivenValue::Text(_)) | None, _) => &[],
        };
        for (number, text) in texts.iter().enumerate() {
            FlowDir::write(&packet_file(dir, name, number), text.as_bytes())?;
        }
    }
    for step in &plan.steps {
        for gate in step.run().into_iter().flat_map(|run| &run.wish.gates) {
            if let Gate::Schema(name) = gate
                && let Some(schema) = whole.schemas.get(name)
            {
                FlowDir::write(&schema_file(dir, &step.id), schema.as_bytes())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codex_of_any_name_is_kept_to_the_byte() {
        use std::os::unix::ffi::OsStrExt as _;

        let codex = absolute(Path::new(OsStr::from_bytes(b"/odd\xff")));
        let kept = serde_json::to_string(&Some(codex.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Option<OsString>>(&kept).unwrap(), Some(codex));
    }

    #[test]
    fn what_is_too_long_is_refused_and_not_cut() {
        let of = |length: u64| text_of(io::repeat(b'x').take(length)).map(|text| text.len() as u64);
        assert_eq!(of(MAX_BYTES).unwrap(), MAX_BYTES);
        let told = of(MAX_BYTES + 1).unwrap_err().to_string();
        assert_eq!(told, "it is longer than 16777216 bytes");
        // The limit may fall into a letter.
        let in_a_letter = text_of(io::Cursor::new(format!("x{}", "ä".repeat(9 << 20)))).unwrap_err();
        assert_eq!(in_a_letter.to_string(), told);
    }
}
