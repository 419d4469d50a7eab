use std::process::Command;

use proptest::prelude::*;

use super::*;

const PROGRAM: &str = "/data/it's here/bin/clodex-statusline";

fn parsed(text: &str) -> JsonText {
    JsonText::parse(text.to_owned()).unwrap()
}

fn registered(text: &str) -> JsonText {
    let mut settings = parsed(text);
    register(&mut settings, Path::new(PROGRAM));
    settings
}

fn foreign(command: &str) -> String {
    format!(
        "{{\"a\":1,\n\"statusLine\" : {{ \"command\":{},\"type\":\"command\"}} }}",
        serde_json::Value::from(command)
    )
}

fn alone(command: &str) -> Foreign {
    Foreign { command: command.to_owned(), interval: None }
}

#[test]
fn a_foreign_command_is_found_again_in_ours_whatever_it_is() {
    for command in ["echo hi", "echo 'a' \"b\" \\", "", "'", "a\nb; c", "_clodex='x'", "tür"] {
        let settings = registered(&foreign(command));
        let Found::Ours { foreign: Some(kept), .. } = found(&settings) else { panic!("{settings:?}") };
        assert_eq!(kept.command, command);
    }
}

#[test]
fn registering_twice_changes_nothing_more() {
    for text in ["{}", &foreign("echo hi"), r#"{"statusLine":null}"#] {
        let once = registered(text);
        let mut twice = once.clone();
        register(&mut twice, Path::new(PROGRAM));
        assert_eq!(once, twice);
    }
}

#[test]
fn what_was_written_by_hand_is_ours_and_not_chained() {
    for command in ["/x/bin/clodex-statusline", "clodex-statusline", "'/x/clodex-statusline'"] {
        let Found::Ours { foreign: kept, .. } = found(&parsed(&foreign(command))) else {
            panic!("{command}")
        };
        assert_eq!(kept, None);
    }
    for command in ["cat x | /x/clodex-statusline", "echo; /x/clodex-statusline"] {
        assert_eq!(found(&parsed(&foreign(command))), Found::Foreign(alone(command)));
    }
}

#[test]
fn what_is_no_command_is_not_known() {
    for text in
        [r#"{"statusLine":7}"#, r#"{"statusLine":{"type":"x","command":"y"}}"#, r#"{"statusLine":{}}"#]
    {
        assert_eq!(found(&parsed(text)), Found::Unknown, "{text}");
    }
}

#[test]
fn taking_back_is_the_way_back() {
    let interval =
        r#"{"statusLine":{"type":"command","refreshInterval": 30,"command":"\u0065cho x","padding":0}}"#;
    for text in [&foreign("echo 'hi'"), r#"{"b":{}}"#, r#"{"statusLine" : null, "x":1}"#, interval] {
        let before = before(&parsed(text));
        let mut settings = registered(text);
        take_back(&mut settings, Some(&before));
        assert_eq!(settings.text(), text);
    }
}

#[test]
fn without_a_record_the_foreign_command_comes_back_all_the_same() {
    let with_interval = r#"{"statusLine":{"type":"command","refreshInterval": 30,"command":"echo x"}}"#;
    for text in [&foreign("echo 'hi'"), with_interval, r#"{"b":{}}"#] {
        let mut settings = registered(text);
        take_back(&mut settings, None);
        assert_eq!(settings.text(), text);
    }
}

#[test]
fn an_interval_that_the_user_gives_ours_stays() {
    let mut settings = registered(&foreign("echo 'hi'"));
    let interval = settings.get(&[KEY, INTERVAL]).cloned().unwrap();
    settings.replace(&interval, &Fresh::Raw("5".into()));
    let given = settings.clone();
    register(&mut settings, Path::new(PROGRAM));
    assert_eq!(settings, given);
    take_back(&mut settings, None);
    let Found::Foreign(back) = found(&settings) else { panic!("{settings:?}") };
    assert_eq!((back.command.as_str(), back.interval.as_deref()), ("echo 'hi'", Some("5")));
}

#[test]
fn somebody_elses_line_is_left_alone_when_ours_is_taken_back() {
    let text = foreign("echo theirs now");
    let mut settings = parsed(&text);
    take_back(&mut settings, Some(&Before { value: None }));
    assert_eq!(settings.text(), text);
}

/// What `/bin/sh -c` makes of our command when our program is not there.
fn shell(foreign: Option<&str>) -> (Option<i32>, String) {
    let output = Command::new("/bin/sh")
        .args(["-c", &command(Path::new(PROGRAM), foreign.map(alone).as_ref())])
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn without_our_program_the_shell_runs_the_foreign_command_or_nothing() {
    assert_eq!(shell(None), (Some(0), String::new()));
    assert_eq!(shell(Some("echo 'a b'; exit 3")), (Some(3), "a b\n".into()));
    assert_eq!(shell(Some("printf %s \"$0\"")), (Some(0), "/bin/sh".into()));
}

/// A JSON value as anybody may write it, with the white space that is allowed everywhere.
fn any_value() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", " ", "\n  ", "\r\n\t"]);
    let scalar =
        prop::sample::select(vec!["null", "-1.5e3", "\"}\\\"\\u00e9,{\"", "true", "\"\"", "[ ]", "{\n}"]);
    let name = || prop::sample::select(vec!["\"a\"", "\"b\\\\\"", "\"\\u0063\"", "\"permissions\""]);
    scalar.prop_map(str::to_owned).prop_recursive(4, 24, 4, move |inner| {
        let member = (space(), name(), space(), space(), inner.clone(), space())
            .prop_map(|(a, name, b, c, value, d)| format!("{a}{name}{b}:{c}{value}{d}"));
        let element = (space(), inner, space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        prop_oneof![
            prop::collection::vec(member, 1..4).prop_map(|members| format!("{{{}}}", members.join(","))),
            prop::collection::vec(element, 1..4).prop_map(|elements| format!("[{}]", elements.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn registering_and_taking_back_is_the_identity_on_any_object(
        value in any_value(), own in prop::option::of(any::<String>()), interval in prop::option::of(0_u32..99),
    ) {
        let own = own.map_or_else(|| "null".to_owned(), |own| {
            let own = serde_json::Value::from(own);
            let interval = interval.map_or_else(String::new, |seconds| format!("\"refreshInterval\":{seconds},"));
            format!("{{{interval}\"type\" : \"command\",\n\"command\":{own}}}")
        });
        for text in [format!("{{\"first\":{value}}}"), format!("{{ \"statusLine\":{own},\n \"x\" : {value} }}")] {
            let before = before(&parsed(&text));
            let mut settings = registered(&text);
            serde_json::from_str::<serde_json::Value>(settings.text()).unwrap();
            take_back(&mut settings, Some(&before));
            prop_assert_eq!(settings.text(), text);
        }
    }
}
