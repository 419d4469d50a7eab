//! What people type, and what it is taken for.

use super::*;
use crate::flow::tests::flow_of;

fn words(words: &[&str]) -> Vec<OsString> {
    std::iter::once("clodex-flow").chain(words.iter().copied()).map(OsString::from).collect()
}

fn flow() -> Flow {
    let text = "name: x\ninputs:\n  topic: {}\n  open: {kind: switch}\n  rounds: {one-of: ['1', '2'], default: '2'}\n  \
        packets: {kind: packets}\nsteps: [{id: a, ask: x}]\n";
    flow_of(text).unwrap()
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
    assert!(Cli::try_parse_from(words(&["continue", "x", "--step", "a"])).is_err());
}

#[test]
fn a_flow_is_found_wherever_it_stands_among_our_options() {
    let look =
        |line: &[&str]| first_look(&words(line)).map(|look| (look.flow.into_string().unwrap(), look.cd));
    let split = |cd: Option<&str>| Some(("split".to_owned(), cd.map(PathBuf::from)));
    for line in
        [&["run", "split", "--json"][..], &["run", "--json", "split", "a.md"], &["run", "split", "--help"]]
    {
        assert_eq!(look(line), split(None), "{line:?}");
    }
    for line in [
        &["run", "-C", "/d", "split", "--topic", "x"][..],
        &["run", "--quiet", "split", "--topic", "x", "--open", "--cd=/d"],
        &["run", "split", "a.md", "--runs", "2", "b.md", "-C", "/d", "--rounds", "1"],
    ] {
        assert_eq!(look(line), split(Some("/d")), "{line:?}");
    }
    for line in [&["run", "--help"][..], &["run"], &["status", "split"], &["run", "--runs", "x", "split"]] {
        assert_eq!(look(line), None, "{line:?}");
    }
}

#[test]
fn what_run_takes_itself_is_known() {
    for name in ["cd", "codex", "help", "name", "on-failure", "quiet", "set", "timeout-sec"] {
        assert!(is_option_of_run(name), "{name}");
    }
    assert!(!is_option_of_run("topic"));
}

#[test]
fn limits_are_moved_and_taken_away() {
    let of_flow = Limits { runs: 2, tokens: Some(9), timeout: Some(Duration::from_secs(9)) };
    let said = |tokens, timeout_sec| LimitArguments { runs: None, tokens, timeout_sec };
    assert_eq!(said(None, None).limits(of_flow), of_flow);
    let moved = said(Some(0), Some(5)).limits(of_flow);
    assert_eq!((moved.runs, moved.tokens, moved.timeout), (2, None, Some(Duration::from_secs(5))));
    let later = said(None, Some(0)).over(said(Some(3), Some(5)));
    assert_eq!(later, said(Some(3), Some(0)));
    assert_eq!(later.limits(of_flow).timeout, None);
}

#[test]
fn inputs_are_options_and_packets_are_arguments() {
    let line =
        ["run", "x", "--topic", "-a or b", "a.md", "--open", "b.md", "--runs", "2", "--set", "rounds=1"];
    let (run, given) = parse_run(&words(&line), &flow()).unwrap();
    let texts = |values: &[&str]| values.iter().map(OsString::from).collect::<Vec<_>>();
    let wanted = [
        ("open", texts(&["yes"])),
        ("packets", texts(&["a.md", "b.md"])),
        ("rounds", texts(&["1"])),
        ("topic", texts(&["-a or b"])),
    ];
    assert_eq!(given, wanted.map(|(name, values)| (name.to_owned(), values)).into());
    assert_eq!((run.limits.runs, run.flow), (Some(2), "x".into()));
}

#[test]
fn nothing_that_is_given_is_dropped() {
    let given = |line: &[&str]| parse_run(&words(&[&["run", "x"], line].concat()), &flow());
    let (_, all) = given(&["a.md", "--set", "packets=b.md", "--set", "packets=c=d.md"]).unwrap();
    assert_eq!(all["packets"], ["a.md", "b.md", "c=d.md"]);
    for twice in [
        &["--topic", "a", "--set", "topic=b"][..],
        &["--set", "rounds=1", "--set", "rounds=1"],
        &["--open", "--set", "open=no"],
    ] {
        let told = given(twice).unwrap_err().to_string();
        assert!(told.contains("is given twice"), "{twice:?}: {told}");
    }
}

#[test]
fn paths_are_bytes() {
    let odd = OsStr::from_bytes(b"odd\xff.md");
    let mut set = OsString::from("packets=");
    set.push(odd);
    let line = [words(&["run"]), vec![odd.into(), odd.into(), "--set".into(), set]].concat();
    assert_eq!(first_look(&line).unwrap().flow, odd);
    let (run, given) = parse_run(&line, &flow()).unwrap();
    assert_eq!((run.flow.as_os_str(), &given["packets"][..]), (odd, &[odd.to_owned(), odd.to_owned()][..]));
}

#[test]
fn what_the_flow_does_not_know_is_refused() {
    for line in [
        &["run", "x", "--tpoic", "a"][..],
        &["run", "x", "--set", "a"],
        &["run", "x", "--overlap", "no"],
        &["run", "x", "--runs", "0"],
    ] {
        assert!(parse_run(&words(line), &flow()).is_err(), "{line:?}");
    }
}
