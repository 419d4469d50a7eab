use proptest::prelude::*;

use super::*;
use crate::Claim;

fn prompt(mode: Mode, task: Task<'_>) -> Prompt<'_> {
    Prompt {
        mode,
        task,
        write_scope: &[],
        network: &Network::Off,
        allow_commit: false,
        docs: &[],
        answer: AnswerForm::Claim,
    }
}

/// What stands between the last fence that opens and the fence that closes it, as a reader of Markdown finds it.
fn read_back(prompt: &str, title: &str) -> String {
    let (_, quoted) = prompt.split_once(&format!("# {title}\n\n")).unwrap();
    let (opening, rest) = quoted.split_once("text\n").unwrap();
    assert!(opening.len() >= 3 && opening.bytes().all(|byte| byte == b'`'));
    let end =
        rest.match_indices(opening).map(|(at, _)| at).find(|at| *at == 0 || rest[..*at].ends_with('\n'));
    rest[..end.unwrap()].to_owned()
}

#[test]
fn the_task_is_quoted_to_the_byte_with_all_its_fields() {
    let packet = "\u{feff}MODE: worker\r\nNON-GOALS: no \"API\" $(touch PWNED) 🦀 --write\r\n````\n```\n````\nDELIVERABLE: x\r\n";
    let text = prompt(Mode::Worker, Task::Packet(packet)).render();
    assert_eq!(read_back(&text, "The task packet, verbatim"), packet);
    assert!(text.ends_with("`````\n"));
}

#[test]
fn a_worker_is_told_its_scope_and_what_the_sandbox_refuses() {
    let scope = ["src/", "odd `name`.txt"];
    let text = Prompt { write_scope: &scope, ..prompt(Mode::Worker, Task::Free("x")) }.render();
    for wanted in
        ["  - `src/`\n", "  - `` odd `name`.txt ``\n", "`rm -f`", "`git add`", "`git stash`", "`cargo clean`"]
    {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}

#[test]
fn what_the_packet_opens_is_told() {
    let domains = Network::Domains(vec!["crates.io".into()]);
    let open = Prompt { network: &domains, allow_commit: true, ..prompt(Mode::Worker, Task::Free("x")) };
    let text = open.render();
    assert!(text.contains("You may `git add`") && !text.contains("Leave the changes uncommitted"), "{text}");
    assert!(text.contains("nothing else: `crates.io`.\n"), "{text}");
    let text = Prompt { network: &Network::On, ..prompt(Mode::Reviewer, Task::Free("x")) }.render();
    assert!(text.contains("Public hosts") && !text.contains("no network"), "{text}");
}

#[test]
fn a_role_that_only_reads_is_told_to_write_nothing() {
    for mode in Mode::ALL {
        let text = prompt(mode, Task::Free("x")).render();
        assert!(text.starts_with(&format!("# Your role: {mode}\n")), "{text}");
        assert_eq!(text.contains("- Change nothing:"), !mode.writes(), "{mode}");
        assert_eq!(text.contains("You may create, change and delete"), mode.writes(), "{mode}");
        assert!(text.contains("NON-GOALS"), "{mode}");
    }
}

#[test]
fn the_contract_is_short() {
    for mode in Mode::ALL {
        let bytes = prompt(mode, Task::Free("")).render().len();
        assert!(bytes < 4096, "{mode}: {bytes} bytes");
    }
}

#[test]
fn every_field_of_the_claim_is_explained() {
    let schema: serde_json::Value = serde_json::from_str(Claim::SCHEMA).unwrap();
    for field in schema["properties"].as_object().unwrap().keys() {
        assert!(CLAIM.contains(&format!("`{field}`")), "{field}");
    }
}

#[test]
fn a_schema_of_the_users_own_asks_for_no_verdict() {
    let text = Prompt { answer: AnswerForm::OwnSchema, ..prompt(Mode::Reviewer, Task::Free("x")) }.render();
    assert!(!text.contains("verdict") && !text.contains("VERDICT"), "{text}");
}

#[test]
fn documents_come_whole_and_with_their_real_size() {
    let files: [(&str, &[u8]); 2] = [("CLAUDE.md", "é\n```\n".as_bytes()), ("AGENTS.md", b"no end of line")];
    let docs = ProjectDoc::checked(&files).unwrap();
    let text = Prompt { docs: &docs, ..prompt(Mode::Worker, Task::Free("x")) }.render();
    assert_eq!(read_back(&text, "Project document: CLAUDE.md (7 bytes)"), "é\n```\n");
    assert_eq!(read_back(&text, "Project document: AGENTS.md (14 bytes)"), "no end of line\n");
}

#[test]
fn documents_that_are_too_large_or_no_text_are_refused_by_name() {
    let large = vec![b'x'; DOCS_MAX_BYTES];
    let error = ProjectDoc::checked(&[("CLAUDE.md", &large), ("AGENTS.md", b"y")]).unwrap_err().to_string();
    assert!(error.contains("CLAUDE.md (65536 bytes), AGENTS.md (1 bytes) are 65537 bytes"), "{error}");
    let error = ProjectDoc::checked(&[("CLAUDE.md", b"ab\xff")]).unwrap_err().to_string();
    assert!(error.starts_with("cannot inject `CLAUDE.md`: byte at offset 2 is not UTF-8"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_quoted_verbatim(text in "([a-z`~#\r\n é]|```|\\$\\(x\\)|# The task, verbatim\n\n){0,40}") {
        let rendered = prompt(Mode::Verifier, Task::Free(&text)).render();
        let wanted = if text.ends_with('\n') { text.clone() } else { format!("{text}\n") };
        prop_assert!(rendered.contains(&text));
        prop_assert_eq!(read_back(&rendered, "The task, verbatim"), wanted);
    }
}
