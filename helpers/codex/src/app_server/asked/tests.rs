//! The questions, as the real app-server asks them, and the answers it understands.

use super::*;

const COMMAND: &str = r#"{"kind":"command","threadId":"t","turnId":"u","itemId":"call_1","reason":"need it","command":"/bin/bash -lc 'touch src/esc'","cwd":"/p"}"#;

fn asked<'a>(method: &'a str, params: &'a str) -> Asked<'a> {
    Asked::read(method, Some(params))
}

fn answer(asked: &Asked<'_>, reply: &Reply) -> String {
    asked.answer(reply, 7).map_or_else(|none| format!("none: {none}"), |answer| answer.get().to_owned())
}

#[test]
fn a_command_is_asked_about_without_its_shell() {
    let wanted = Asked {
        thread_id: "t".into(),
        turn_id: "u".into(),
        item: "call_1".into(),
        question: Question::Command {
            command: "touch src/esc".into(),
            workdir: "/p".into(),
            reason: "need it".into(),
            dialect: Dialect::Present,
        },
    };
    assert_eq!(asked("item/commandExecution/requestApproval", COMMAND), wanted);
    let old = asked(
        "execCommandApproval",
        r#"{"conversationId":"t","callId":"c","command":["bash","-lc","make"],"cwd":"/p"}"#,
    );
    assert!(matches!(&old.question, Question::Command { command, .. } if command == "make"), "{old:?}");
    assert_eq!((&*old.thread_id, &*old.item), ("t", "c"));
}

#[test]
fn each_kind_of_question_has_its_own_words_for_an_answer() {
    let text = Reply::Text("blue".to_owned());
    for (method, params, reply, wanted) in [
        ("item/commandExecution/requestApproval", COMMAND, &Reply::Accept, r#"{"decision":"accept"}"#),
        ("item/fileChange/requestApproval", "{}", &Reply::Decline, r#"{"decision":"decline"}"#),
        ("item/fileChange/requestApproval", "{}", &Reply::Cancel, r#"{"decision":"cancel"}"#),
        (
            "item/fileChange/requestApproval",
            "{}",
            &text,
            "none: this wants accept, decline or cancel, not a text",
        ),
        (
            "applyPatchApproval",
            r#"{"fileChanges":{"/p/a":{}}}"#,
            &Reply::Accept,
            r#"{"decision":"approved"}"#,
        ),
        ("execCommandApproval", "{}", &Reply::Decline, r#"{"decision":"denied"}"#),
        (
            "item/permissions/requestApproval",
            r#"{"permissions":{"network":{"enabled":true}}}"#,
            &Reply::Accept,
            r#"{"permissions":{"network":{"enabled":true}},"scope":"turn"}"#,
        ),
        (
            "item/permissions/requestApproval",
            r#"{"permissions":{"network":{}}}"#,
            &Reply::Decline,
            r#"{"permissions":{},"scope":"turn"}"#,
        ),
        (
            "item/tool/requestUserInput",
            r#"{"questions":[{"id":"q1","question":"which?"},{"id":"q2"}]}"#,
            &text,
            r#"{"answers":{"q1":{"answers":["blue"]},"q2":{"answers":["blue"]}}}"#,
        ),
        (
            "item/tool/requestUserInput",
            r#"{"questions":[{"id":"q1"}]}"#,
            &Reply::Decline,
            r#"{"answers":{}}"#,
        ),
        ("item/tool/requestUserInput", "{}", &Reply::Accept, "none: this wants an answer in words"),
        (
            "mcpServer/elicitation/request",
            r#"{"serverName":"m","message":"ok?"}"#,
            &Reply::Decline,
            r#"{"action":"decline","content":null,"_meta":null}"#,
        ),
        (
            "item/tool/call",
            r#"{"tool":"x"}"#,
            &Reply::Decline,
            r#"{"contentItems":[{"type":"inputText","text":"clodex offers no tool `x`"}],"success":false}"#,
        ),
        ("currentTime/read", "{}", &Reply::Decline, r#"{"currentTimeAt":7}"#),
        ("attestation/generate", "{}", &Reply::Accept, "none: clodex cannot answer `attestation/generate`"),
        ("something/new", "[1]", &Reply::Accept, "none: clodex cannot answer `something/new`"),
    ] {
        assert_eq!(answer(&asked(method, params), reply), wanted, "{method}");
    }
}

#[test]
fn questions_for_the_user_keep_what_they_offer() {
    let params = r#"{"questions":[{"id":"q","header":"h","question":"which?","isOther":true,"isSecret":true,"options":[{"label":"a","description":"d"},{"label":"b"}]}],"isBlocking":true}"#;
    let wanted = UserQuestion {
        id: "q".into(),
        text: "which?".into(),
        options: vec!["a".into(), "b".into()],
        visibility: Visibility::Secret,
    };
    assert_eq!(asked("item/tool/requestUserInput", params).question, Question::UserInput(vec![wanted]));
}

proptest::proptest! {
    #[test]
    fn any_parameters_are_read_without_panic(params in ".{0,60}") {
        for method in ["item/commandExecution/requestApproval", "applyPatchApproval", "item/tool/requestUserInput"] {
            let _ = Asked::read(method, Some(&params)).answer(&Reply::Decline, 0);
        }
    }
}
