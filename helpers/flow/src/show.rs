//! What a flow looks like before it begins: its steps and who waits for whom, as text and as a Mermaid graph. Pure.

use std::fmt::Write as _;

use crate::flow::{Deed, Flow, IfShut, Input, InputKind, RunWish, Step, Thread, Verify, Work};

/// The flow for people: what it takes, and its steps in order.
pub fn text(flow: &Flow) -> String {
    let mut text = format!("{}: {}\n", flow.name, flow.about);
    for (name, input) in &flow.inputs {
        let option =
            if input.kind == InputKind::Packets { "PACKET…".to_owned() } else { format!("--{name}") };
        let _ = writeln!(text, "  {option}  {}", input_text(input));
    }
    for step in &flow.steps {
        let needs =
            if step.needs.is_empty() { String::new() } else { format!(" ← {}", step.needs.join(", ")) };
        let _ = writeln!(text, "\n{}{needs}", step.id);
        let _ = writeln!(text, "  {}", deed_text(step));
        if let Some(when) = &step.when {
            let _ = writeln!(text, "  when {when}");
        }
    }
    let limits = &flow.limits;
    let _ = write!(text, "\n{} runs at once", limits.runs);
    if let Some(tokens) = limits.tokens {
        let _ = write!(text, ", {tokens} tokens at most");
    }
    if let Some(timeout) = limits.timeout {
        let _ = write!(text, ", {} s at most", timeout.as_secs());
    }
    let _ = writeln!(text, "; on failure {}, overlap {}", flow.on_failure.as_str(), flow.overlap.as_str());
    text
}

/// The same as a graph that Mermaid draws.
pub fn mermaid(flow: &Flow) -> String {
    let mut text = "flowchart TD\n".to_owned();
    for step in &flow.steps {
        let (open, close) = match (&step.deed, &step.when) {
            (Deed::Ask(_), _) => ("{{", "}}"),
            (Deed::Run(_), Some(_)) => ("([", "])"),
            (Deed::Run(_), None) => ("[", "]"),
        };
        let _ = writeln!(text, "  {}{open}\"{}\"{close}", node(&step.id), quoted(&node_text(step)));
        for need in &step.needs {
            let _ = writeln!(text, "  {} --> {}", node(need), node(&step.id));
        }
        if let Deed::Run(run) = &step.deed
            && let Thread::Same(origin) | Thread::Fork(origin) = &run.thread
        {
            let how = if matches!(run.thread, Thread::Fork(_)) { "fork" } else { "same thread" };
            let _ = writeln!(text, "  {} -. {how} .-> {}", node(origin), node(&step.id));
        }
    }
    text
}

fn input_text(input: &Input) -> String {
    let kind = match &input.kind {
        InputKind::Text => "text".to_owned(),
        InputKind::OneOf(words) => words.join("|"),
        InputKind::File => "file".to_owned(),
        InputKind::Switch { .. } => "switch".to_owned(),
        InputKind::Packet => "packet".to_owned(),
        InputKind::Packets => "packets, as arguments".to_owned(),
    };
    let about = if input.about.is_empty() { String::new() } else { format!(": {}", input.about) };
    let default = match (&input.kind, &input.default) {
        (InputKind::Switch { .. }, _) | (_, None) => String::new(),
        (_, Some(default)) => format!(" [default: {default}]"),
    };
    format!("{kind}{about}{default}")
}

fn deed_text(step: &Step) -> String {
    match &step.deed {
        Deed::Ask(_) => "asks, and waits for `clodex-flow continue`".to_owned(),
        Deed::Run(run) => {
            let mut parts = vec![work_text(run)];
            parts.extend(run.tier.iter().map(|tier| format!("tier {tier}")));
            match &run.thread {
                Thread::Fresh => {}
                Thread::Same(origin) => parts.push(format!("in the thread of {origin}")),
                Thread::Fork(origin) => parts.push(format!("in a fork of the thread of {origin}")),
            }
            if let Some(isolate) = run.isolate.filter(|isolate| isolate.is_on()) {
                parts.push(format!("isolated ({})", isolate.as_str()));
            }
            if run.verify != Verify::AsSet {
                parts.push("verified by clodex".to_owned());
            }
            if run.retry > 0 {
                parts.push(format!("tried again up to {} times", run.retry));
            }
            parts.extend(run.gates.iter().map(|gate| format!("gate {}", gate.shown())));
            if run.if_shut == IfShut::GoOn {
                parts.push("continues past its gate".to_owned());
            }
            parts.join(" · ")
        }
    }
}

fn work_text(run: &RunWish) -> String {
    match &run.work {
        Work::Packet { input, .. } => format!("carries out packet {input}"),
        Work::EachPacket { input } => format!("carries out each of {input}"),
        Work::Prompt { mode, of: Some(packet), .. } => format!("{mode}, held to packet {packet}"),
        Work::Prompt { mode, scope, .. } if scope.is_empty() => mode.to_string(),
        Work::Prompt { mode, scope, .. } => format!("{mode}, {} scope entries", scope.len()),
    }
}

fn node_text(step: &Step) -> String {
    match &step.deed {
        Deed::Ask(_) => format!("{}: asks", step.id),
        Deed::Run(run) => format!("{}: {}", step.id, work_text(run)),
    }
}

/// `end` is a word of Mermaid's.
fn node(id: &str) -> String {
    format!("s_{}", id.replace('-', "_"))
}

fn quoted(text: &str) -> String {
    text.replace('"', "'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::tests::flow_of;

    fn flow() -> Flow {
        let text = "name: x\nabout: looks and works\ninputs:\n  task: {kind: packet, about: what to do}\n  n: {one-of: [a, b], default: a}\n\
            steps:\n  - {id: look, prompt: x, tier: fast}\n  - {id: end, needs: look, packet: task, thread: fork:look, gate: clean}\n  \
            - {id: ask, needs: end, ask: ok?, when: inputs.n == b}\n";
        flow_of(text).unwrap()
    }

    #[test]
    fn people_see_inputs_steps_and_limits() {
        assert_eq!(
            text(&flow()),
            "x: looks and works\n  --n  a|b [default: a]\n  --task  packet: what to do\n\n\
             look\n  reviewer · tier fast\n\n\
             end ← look\n  carries out packet task · in a fork of the thread of look · gate clean\n\n\
             ask ← end\n  asks, and waits for `clodex-flow continue`\n  when inputs.n == b\n\n\
             4 runs at once; on failure stop, overlap refuse\n"
        );
    }

    #[test]
    fn mermaid_gets_nodes_that_are_no_words_of_its_own() {
        assert_eq!(
            mermaid(&flow()),
            "flowchart TD\n  s_look[\"look: reviewer\"]\n  s_end[\"end: carries out packet task\"]\n  s_look --> s_end\n  \
             s_look -. fork .-> s_end\n  s_ask{{\"ask: asks\"}}\n  s_end --> s_ask\n"
        );
    }
}
