//! The questions, as the real app-server asks them, and the answers it understands.

use clodex_core::{Need, PartOption, PartWants, QuestionPart, Visibility};

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
            wanted: None,
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
            r#"{"questions":[{"id":"q1","question":"which?","options":[{"label":"Blue"}]}]}"#,
            &text,
            r#"{"answers":{"q1":{"answers":["Blue"]}}}"#,
        ),
        (
            "item/tool/requestUserInput",
            r#"{"questions":[{"id":"q1"},{"id":"q2"}]}"#,
            &text,
            "none: it wants an answer to each: q1=… q2=…",
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
    let asked = asked("item/tool/requestUserInput", params);
    let Question::UserInput(form) = &asked.question else { panic!("{asked:?}") };
    let option = |label: &str, description: &str| PartOption {
        label: label.to_owned(),
        description: description.to_owned(),
    };
    let wanted = QuestionPart {
        id: "q".into(),
        text: "which?".into(),
        wants: PartWants::Words,
        options: vec![option("a", "d"), option("b", "")],
        visibility: Visibility::Secret,
        need: Need::Required,
    };
    assert_eq!(form.parts().collect::<Vec<_>>(), [&wanted]);
}

fn answers(answers: &[(&str, &[&str])]) -> Reply {
    let answer = |(part, answers): &(&str, &[&str])| PartAnswer {
        part: (*part).to_owned(),
        answers: answers.iter().map(ToString::to_string).collect(),
    };
    Reply::Answers(answers.iter().map(answer).collect())
}

#[test]
fn each_of_several_questions_has_its_own_answer() {
    let asked = asked("item/tool/requestUserInput", r#"{"questions":[{"id":"q1"},{"id":"q2"}]}"#);
    assert_eq!(
        answer(&asked, &answers(&[("q2", &["L"]), ("q1", &["blue"])])),
        r#"{"answers":{"q1":{"answers":["blue"]},"q2":{"answers":["L"]}}}"#
    );
    assert_eq!(answer(&asked, &answers(&[("q1", &["blue"])])), "none: `q2` is not answered");
    assert_eq!(answer(&asked, &answers(&[("q3", &["x"])])), "none: nothing called `q3` was asked");
}

/// Every kind of field that the protocol of MCP knows.
const FORM: &str = r#"{"serverName":"m","mode":"form","message":"who?","requestedSchema":{"type":"object","properties":{
    "name":{"type":"string","title":"Name"},"size":{"type":"string","enum":["s","l"],"enumNames":["Small","Large"]},
    "team":{"type":"string","oneOf":[{"const":"r","title":"Red"},{"const":"b","title":"Blue"}]},
    "days":{"type":"array","items":{"anyOf":[{"const":"1","title":"Mon"},{"const":"2","title":"Tue"}]}},
    "age":{"type":"integer"},"height":{"type":"number"},"sure":{"type":"boolean"}},"required":["name"]}}"#;

#[test]
fn the_fields_of_a_form_are_answered_with_values_of_their_kind() {
    let asked = asked("mcpServer/elicitation/request", FORM);
    let all = answers(&[
        ("name", &["Ada"]),
        ("size", &["Large"]),
        ("team", &["Blue"]),
        ("days", &["Mon", "Tue"]),
        ("age", &["36"]),
        ("height", &["1.7"]),
        ("sure", &["no"]),
    ]);
    assert_eq!(
        answer(&asked, &all),
        r#"{"action":"accept","content":{"age":36,"days":["1","2"],"height":1.7,"name":"Ada","size":"l","sure":false,"team":"b"},"_meta":null}"#
    );
    let least = answers(&[("name", &["Ada"])]);
    assert_eq!(answer(&asked, &least), r#"{"action":"accept","content":{"name":"Ada"},"_meta":null}"#);
    assert_eq!(answer(&asked, &Reply::Accept), "none: this wants an answer in words");
    let wrong = answers(&[("name", &["Ada"]), ("age", &["old"])]);
    assert_eq!(answer(&asked, &wrong), "none: `age` wants a whole number, not `old`");
    assert_eq!(answer(&asked, &Reply::Cancel), r#"{"action":"cancel","content":null,"_meta":null}"#);
}

#[test]
fn an_mcp_server_that_wants_a_yes_gets_one_and_one_that_nobody_understands_a_no() {
    let method = "mcpServer/elicitation/request";
    let yes = r#"{"action":"accept","content":{},"_meta":null}"#;
    let url = asked(method, r#"{"mode":"url","message":"log in","url":"http://x/","elicitationId":"e"}"#);
    assert_eq!(answer(&url, &Reply::Accept), yes);
    assert!(matches!(&url.question, Question::Elicitation { url, .. } if url == "http://x/"));
    let empty = r#"{"mode":"form","requestedSchema":{"type":"object","properties":{}}}"#;
    assert_eq!(answer(&asked(method, empty), &Reply::Accept), yes);
    let text = answer(&asked(method, empty), &Reply::Text("hm".to_owned()));
    assert_eq!(text, "none: this wants accept, decline or cancel, not a text");
    for unknown in [
        r#"{"mode":"openai/userVerification","challenge":"c"}"#,
        r#"{"mode":"form","requestedSchema":{"properties":{"x":{"type":"object"}}}}"#,
        r#"{"mode":"form","requestedSchema":7}"#,
    ] {
        let asked = asked(method, unknown);
        assert!(matches!(&asked.question, Question::Elicitation { form: None, .. }), "{asked:?}");
        assert!(answer(&asked, &Reply::Accept).starts_with("none: "));
        assert!(answer(&asked, &Reply::Decline).contains("decline"));
    }
}

#[test]
fn a_command_tells_what_it_wants_besides() {
    let asked = asked(
        "item/commandExecution/requestApproval",
        r#"{"command":"make","additionalPermissions":{"network":{"enabled":true}},"reason":"so"}"#,
    );
    let Question::Command { wanted, .. } = &asked.question else { panic!("{asked:?}") };
    assert_eq!(wanted.as_deref(), Some(r#"{"network":{"enabled":true}}"#));
}

proptest::proptest! {
    #[test]
    fn any_parameters_are_read_without_panic(params in ".{0,60}") {
        for method in ["item/commandExecution/requestApproval", "applyPatchApproval", "item/tool/requestUserInput"] {
            let _ = Asked::read(method, Some(&params)).answer(&Reply::Decline, 0);
        }
    }
}
