use super::*;

fn parsed(text: &str) -> JsonText {
    JsonText::parse(text.to_owned()).unwrap()
}

fn added(text: &str) -> String {
    let mut json = parsed(text);
    json.add_member(&[], "new", &Fresh::Object(vec![("x", Fresh::Raw("1".into()))]));
    json.text().to_owned()
}

#[test]
fn what_is_added_looks_like_its_neighbours() {
    for (text, wanted) in [
        ("{}", "{\n  \"new\": {\n    \"x\": 1\n  }\n}"),
        ("", "{\n  \"new\": {\n    \"x\": 1\n  }\n}"),
        ("{\n}\n", "{\n  \"new\": {\n    \"x\": 1\n  }\n}\n"),
        (r#"{"a":1}"#, r#"{"a":1,"new":{"x":1}}"#),
        (r#"{"a": 1, "b": [2]}"#, r#"{"a": 1, "b": [2], "new": {"x": 1}}"#),
        ("{\n\t\"a\": 1\n}", "{\n\t\"a\": 1,\n\t\"new\": {\n\t\t\"x\": 1\n\t}\n}"),
        (
            "{\r\n    \"a\" : 1\r\n}\r\n",
            "{\r\n    \"a\" : 1,\r\n    \"new\" : {\r\n        \"x\" : 1\r\n    }\r\n}\r\n",
        ),
        ("\u{feff}{ \"a\":1 }", "\u{feff}{ \"a\":1,\"new\":{\"x\":1} }"),
    ] {
        assert_eq!(added(text), wanted, "{text:?}");
    }
}

#[test]
fn adding_and_taking_away_leaves_every_byte_as_it_was() {
    for text in [
        r#"{"a":1}"#,
        "{\n  \"a\": {\"b\": [1, 2 ,3]} ,\n\n  \"c\":\"\\u00e9}\"\n}",
        "\u{feff}{\t\"a\"\t:\t-1.5e3\r\n}",
        r#"{"new":0,"a":"]\\"}"#,
    ] {
        let mut json = parsed(&added(text));
        json.remove_member(&[], "new");
        assert_eq!(json.text(), text);
    }
}

#[test]
fn of_two_members_with_one_name_the_last_counts() {
    let mut json = parsed(r#"{"a":1,"\u0061":2}"#);
    assert_eq!(json.raw(json.get(&["a"]).unwrap()), "2");
    json.remove_member(&[], "a");
    assert_eq!(json.text(), r#"{"a":1}"#);
}

#[test]
fn the_first_and_the_only_member_can_be_taken_away() {
    for (text, wanted) in [(r#"{"a":1, "b":2}"#, r#"{"b":2}"#), ("{\n\"a\":1\n}", "{}")] {
        let mut json = parsed(text);
        json.remove_member(&[], "a");
        assert_eq!(json.text(), wanted);
    }
}

#[test]
fn elements_come_and_go() {
    let text = "{\n  \"p\": {\n    \"allow\": [\n      \"a\"\n    ]\n  }\n}";
    let mut json = parsed(text);
    json.add_element(&["p", "allow"], &Fresh::text("b"));
    assert_eq!(json.text(), "{\n  \"p\": {\n    \"allow\": [\n      \"a\",\n      \"b\"\n    ]\n  }\n}");
    json.remove_element(&["p", "allow"], "b");
    assert_eq!(json.text(), text);
}

#[test]
fn what_is_no_object_is_refused() {
    for text in ["{", "[]", "7", "{\"a\":1,}", "// x\n{}", "{}x", "nul"] {
        assert!(JsonText::parse(text.to_owned()).is_err(), "{text}");
    }
}
