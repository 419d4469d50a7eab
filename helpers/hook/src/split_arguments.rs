//! What stands behind a command, taken apart into words. Nothing is expanded and nothing is run: the words go to a
//! program as they are.

/// Words between blanks; quotes and backslashes keep blanks in a word. A quote that is not closed is a letter.
pub fn split_arguments(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            quote @ ('\'' | '"') if rest.as_str().contains(quote) => {
                let (quoted, behind) = rest.as_str().split_once(quote).unwrap_or_default();
                word.get_or_insert_default().push_str(quoted);
                rest = behind.chars();
            }
            '\\' => word.get_or_insert_default().push(rest.next().unwrap_or('\\')),
            blank if blank.is_whitespace() => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_part_words_and_quotes_keep_them() {
        for (text, wanted) in [
            ("", &[][..]),
            ("  \t\n", &[]),
            ("a  --all\tb", &["a", "--all", "b"]),
            ("'a b' \"c d\"e f\\ g", &["a b", "c de", "f g"]),
            ("'' x", &["", "x"]),
            ("don't stop", &["don't", "stop"]),
            ("$(touch x) `y` ;z && $HOME *", &["$(touch", "x)", "`y`", ";z", "&&", "$HOME", "*"]),
            ("end\\", &["end\\"]),
        ] {
            assert_eq!(split_arguments(text), wanted, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_words_and_none_longer_than_it(text in ".*") {
            let taken: usize = split_arguments(&text).iter().map(String::len).sum();
            proptest::prop_assert!(taken <= text.len());
        }
    }
}
