//! Flow files that read well, and what is said of those that do not.

use super::*;

const GOOD: &str = "\
name: two
about: first looks, then works
inputs:
  task: {kind: packet, about: what to do}
  topic: {default: none}
  rounds: {one-of: ['1', '2'], default: '2'}
on-failure: finish
limits: {runs: 2, tokens: 1000, timeout: 60}
steps:
  - id: look
    tier: fast
    prompt: Look at {{inputs.topic}}.
  - id: work
    needs: look
    packet: task
    thread: fork:look
    verify: true
    retry: 1
    gate: [clean, verified]
  - id: ask
    needs: [work]
    when: inputs.rounds == 2
    ask: Is this right? {{steps.work.result}}
  - id: also
    needs: [look]
    scope: [docs/, '{{inputs.topic}}']
    prompt: Write it down.
    verify: ['{{inputs.task.verification}}', make]
    isolate: head
";

/// The flow of a text, or all that is wrong with it.
pub(crate) fn flow_of(text: &str) -> Result<Flow, String> {
    Flow::read(&Origin::File("f.yaml".to_owned()), text).map_err(|problems| problems.to_string())
}

#[test]
fn a_good_file_is_read() {
    let flow = flow_of(GOOD).unwrap();
    assert_eq!((flow.steps.len(), flow.limits.runs, flow.on_failure), (4, 2, OnFailure::Finish));
    let run = |index: usize| match &flow.steps[index].deed {
        Deed::Run(run) => run.clone(),
        Deed::Ask(_) => panic!("step {index} asks"),
    };
    assert_eq!(run(1).thread, Thread::Fork("look".into()));
    assert_eq!((run(1).gates, run(1).verify), (vec![Gate::Clean, Gate::Verified], Verify::OfPacket));
    assert!(matches!(run(3).work, Work::Prompt { mode: Mode::Worker, .. }));
    assert!(matches!(run(0).work, Work::Prompt { mode: Mode::Reviewer, .. }));
    assert!(matches!(&flow.steps[2].deed, Deed::Ask(_)));
}

/// The good file with this step at its end, on line 30.
fn with(step: &str) -> String {
    GOOD.to_owned() + step
}

#[test]
fn what_is_wrong_is_told_with_line_and_hint() {
    for (text, wanted) in [
        (String::new(), "line 1: name is missing"),
        ("name: x\n".to_owned(), "line 1: there are no steps"),
        (GOOD.replace("name: two", "name: Two!"), "line 1: name `Two!`\n  hint: lower-case"),
        (GOOD.replace("kind: packet", "kind: pact"), "line 4: input task: kind `pact` is unknown"),
        (GOOD.replace("topic:", "json:"), "line 5: `json` cannot name an input: it is an option"),
        (GOOD.replace("default: '2'", "default: '3'"), "line 6: input rounds: its default `3`"),
        (
            GOOD.replace("finish", "carry-on"),
            "line 7: `carry-on` is none of the words\n  hint: it is stop or finish",
        ),
        (GOOD.replace("runs: 2", "runs: 0"), "line 8: runs is 0"),
        (GOOD.replace("inputs.topic}}.", "inputs.tpoic}}."), "line 12: there is no input `tpoic`"),
        (GOOD.replace("needs: look", "needs: lok"), "line 14: step `work` needs `lok`, which is not a step"),
        (GOOD.replace("packet: task", "packet: topic"), "line 15: `topic` is not an input of kind packet"),
        (GOOD.replace("fork:look", "fork:lok"), "line 16: there is no step `lok`"),
        (GOOD.replace("fork:look", "forked"), "line 16: thread `forked`\n  hint: it is fresh, same"),
        (GOOD.replace("[clean, verified]", "[clan]"), "line 19: gate `clan` cannot be read"),
        (
            GOOD.replace("    verify: true\n", ""),
            "line 18: step `work` has the gate `verified`, and nothing is verified\n  \
                hint: name the packet's own VERIFICATION: `verify: true`",
        ),
        (
            with("  - id: x\n    prompt: x\n    gate: verified\n"),
            "line 32: step `x` has the gate `verified`, and nothing is verified\n  \
                hint: name commands that show it: `verify: cargo test`",
        ),
        (
            with("  - id: x\n    prompt: x\n    scope:\n      - a\n      - ../up\n"),
            "line 34: scope: `../up` holds `..`",
        ),
        (
            with("  - id: x\n    prompt: x\n    scope: .git/hooks\n"),
            "line 32: scope: `.git/hooks` is in `.git`",
        ),
        (GOOD.replace("rounds == 2", "rounds = 2"), "line 22: `inputs.rounds = 2` is not a condition"),
        (GOOD.replace("steps.work.result", "steps.also.result"), "line 23: step `also` need not be through"),
        (
            GOOD.replace("steps.work.result", "steps.ask.result"),
            "line 23: step `ask` asks for what only it will",
        ),
        (
            GOOD.replace("inputs.rounds == 2", "steps.work.outcome == dnoe"),
            "line 22: `steps.work.outcome == dnoe` compares with what it never is\n  hint: it is one of done, ",
        ),
        (
            "name: x\nsteps: [{id: a, prompt: 'x {{inputs.b}}'}]\n".to_owned(),
            "line 2: there is no input `b`\n  hint: declare it under `inputs:`",
        ),
        (GOOD.replace("{{inputs.topic}}'", "{{steps.look.result}}'"), "line 26: scope may not depend on"),
    ] {
        is_told(&text, wanted);
    }
}

#[test]
fn what_is_wrong_with_a_step_is_told_with_line_and_hint() {
    for (text, wanted) in [
        (with("  - id: look\n    prompt: x\n"), "line 30: step `look` is there twice, first on line 10"),
        (with("  - id: x\n"), "line 30: step `x` does nothing"),
        (with("  - id: x\n    prompt: ' '\n"), "line 30: step `x` does nothing"),
        (with("  - id: x\n    ask: ''\n"), "line 31: step `x` asks nothing"),
        (
            with("  - id: x\n    needs: look\n    prompt: x\n    verify: 'test {{steps.look.outcome}}'\n"),
            "line 33: verify may not depend on `steps.look.outcome`",
        ),
        (
            GOOD.replace("  topic: {default: none}", "  one: {kind: packets}\n  topic: {kind: packets}"),
            "line 6: input topic: `one` is all packets that are given",
        ),
        (with("  - id: x\n    prompt: '{{x}}'\n"), "line 31: `{{x}}` is not a reference"),
        (with("  - id: x\n    prompt: x\n    mode: worker\n"), "line 32: a worker needs a scope"),
        (
            with("  - id: x\n    prompt: x\n    mode: verifier\n    scope: a\n"),
            "line 33: a verifier writes nothing",
        ),
        (
            with("  - id: x\n    needs: look\n    prompt: x\n    label: '{{steps.look.summary}}'\n"),
            "line 33: `steps.look.summary` cannot be used in a step's label",
        ),
        (
            with("  - id: x\n    needs: look\n    prompt: x\n    when: steps.look.changed == a\n"),
            "line 33: `steps.look.changed` cannot be compared",
        ),
        (with("  - id: x\n    ask: x\n    tier: fast\n"), "line 32: `tier` cannot be combined with `ask`"),
        (
            with("  - id: x\n    packet: task\n    scope: a\n"),
            "line 32: `scope` cannot be combined with `packet`",
        ),
        (with("  - id: x\n    prompt: x\n    thread: same\n"), "line 32: `same` says whose thread only"),
        (
            with("  - id: x\n    prompt: x\n    verify: true\n"),
            "line 32: only a packet has checks of its own",
        ),
        (
            with("  - id: x\n    of: topic\n    prompt: x\n"),
            "line 31: `topic` is not an input of kind packet",
        ),
        (
            with("  - id: x\n    of: task\n    scope: a\n    prompt: x\n"),
            "line 31: `of` cannot be combined with a `scope`\n  hint: to write, carry the packet out",
        ),
        (
            with("  - id: x\n    packet: task\n    of: task\n"),
            "line 32: `of` cannot be combined with `packet`",
        ),
        (with("  - id: x\n    prompt: x\n    if-shut: go-on\n"), "line 32: if-shut without a gate"),
        (
            with("  - id: x\n    prompt: x\n    gate: clean\n    if-shut: maybe\n"),
            "line 33: if-shut `maybe`\n  hint: it is fail or go-on",
        ),
        (
            with("  - id: x\n    packet: task\n    gate: clean\n    if-shut: go-on\n"),
            "line 33: if-shut where something may be written",
        ),
        (
            with("  - id: x\n    needs: [ask]\n    prompt: x\n    thread: same:ask\n"),
            "line 33: `ask` and this do not",
        ),
    ] {
        is_told(&text, wanted);
    }
}

#[track_caller]
fn is_told(text: &str, wanted: &str) {
    let told = flow_of(text).unwrap_err();
    let wanted = format!("cannot use flow `f.yaml`: {wanted}");
    assert!(told.starts_with(&wanted), "wanted: {wanted}\n   told: {told}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_nothing_that_only_follows_from_it() {
    let text = "\
name: Two!
inputs:
  task: {kind: packet, abuot: x}
steps:
  - id: a
    promt: x
    timeout: long
  - id: b
    need: a
    prompt: '{{steps.a.result}}'
    scope: src/
  - id: c
    prompt: x
    scope: src/
    gate: clan
";
    let told = flow_of(text).unwrap_err();
    let told: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("cannot use flow `f.yaml`: ")).collect();
    let wanted = [
        "line 1: name `Two!`",
        "line 3: unknown field `abuot`",
        "line 6: unknown field `promt`",
        "line 7: timeout: invalid type",
        "line 9: unknown field `need`",
        "line 15: gate `clan` cannot be read",
        "6 problems",
    ];
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    for (told, wanted) in told.iter().zip(wanted) {
        assert!(told.starts_with(wanted), "wanted: {wanted}\n   told: {told}");
    }
}

#[test]
fn a_circle_is_told_step_by_step() {
    let text = GOOD.replace("  - id: look\n", "  - id: look\n    needs: [ask]\n");
    let told = flow_of(&text).unwrap_err();
    assert!(told.contains("line 11: steps need each other in a circle: look → ask → work → look"), "{told}");
}

#[test]
fn scopes_of_steps_that_may_run_at_the_same_time_must_not_overlap() {
    let step = "  - id: more\n    needs: [look]\n    scope: docs/deep/\n    prompt: x\n";
    // An isolated step is nobody's neighbour.
    assert!(flow_of(&with(step)).is_ok());
    let near = GOOD.replace("    isolate: head\n", "").replace("'{{inputs.topic}}'", "docs/b") + step;
    let told = flow_of(&near).unwrap_err();
    let wanted = "line 31: `also` and `more` may run at the same time, and their scopes `docs/` and `docs/deep/` overlap";
    assert!(told.contains(wanted), "{told}");
    assert!(
        flow_of(&near.replace("needs: [look]\n    scope: docs/deep", "needs: [also]\n    scope: docs/deep"))
            .is_ok()
    );
    assert!(flow_of(&format!("overlap: serialise\n{near}")).is_ok());
    // What an input adds takes nothing away.
    let more = near.replace("scope: [docs/, docs/b]", "scope: [docs/, '{{inputs.topic}}']");
    assert!(more != near && flow_of(&more).unwrap_err().contains(wanted));
}

#[test]
fn one_thread_is_not_written_in_twice_at_the_same_time() {
    let step = |id: &str, needs: &str, thread: &str| {
        format!("  - id: {id}\n    needs: [{needs}]\n    prompt: x\n    thread: {thread}\n")
    };
    let two = with(&step("one", "look", "same")) + &step("two", "look", "same:look");
    let told = flow_of(&two).unwrap_err();
    assert!(told.contains("`one` and `two` would write in one thread at the same time"), "{told}");
    let chain = with(&step("one", "look", "same")) + &step("two", "one", "same");
    assert!(flow_of(&chain).is_ok());
    let forks = with(&step("one", "look", "fork:look")) + &step("two", "look", "fork:look");
    assert!(flow_of(&forks).is_ok());
}

#[test]
fn the_flow_that_the_documentation_shows_is_sound() {
    let docs = include_str!("../../../../docs/flow.md");
    let shown: Vec<&str> = docs
        .lines()
        .skip_while(|line| !line.starts_with("    name: "))
        .map_while(|line| line.strip_prefix("    "))
        .collect();
    let flow = flow_of(&shown.join("\n")).unwrap();
    assert_eq!((flow.name.as_str(), flow.steps.len(), flow.inputs.len()), ("upgrade", 2, 1));
}
