//! Arguments of a program, told apart as most programs do. Knows which short options take a value only where it is told.

/// A word whose value depends on what is only known when the command runs.
pub(super) type KnownWord = Option<String>;

/// What a program is called with.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    /// Everything, in order.
    pub(super) all: &'a [KnownWord],
    /// What is no option and no option's value.
    pub(super) operands: Vec<Option<&'a str>>,
    with_value: &'static str,
}

impl<'a> Arguments<'a> {
    /// Tells apart; `with_value` are the letters of the options that a value follows.
    pub(super) fn of(all: &'a [KnownWord], with_value: &'static str) -> Self {
        let mut operands = Vec::new();
        let (mut is_value, mut only_operands) = (false, false);
        for word in all.iter().map(Option::as_deref) {
            if only_operands {
                operands.push(word);
            } else if is_value {
                is_value = false;
            } else if word == Some("--") {
                only_operands = true;
            } else if word.is_some_and(is_option) {
                is_value = word.is_some_and(|word| value_follows(word, with_value));
            } else {
                operands.push(word);
            }
        }
        Self { all, operands, with_value }
    }

    /// The operands after the first `count`.
    pub(super) fn operands_after(&self, count: usize) -> &[Option<&'a str>] {
        self.operands.get(count..).unwrap_or_default()
    }

    /// Whether a short option is there, alone or among others (`-ni`, `-i.bak`).
    pub(super) fn has(&self, option: char) -> bool {
        self.options()
            .any(|word| !word.starts_with("--") && self.letters(word).any(|letter| letter == option))
    }

    /// Whether one of these long options is there, with or without a value.
    pub(super) fn has_long(&self, options: &[&str]) -> bool {
        let name = |word: &'a str| word.strip_prefix("--")?.split('=').next();
        self.options().any(|word| name(word).is_some_and(|name| options.contains(&name)))
    }

    /// The value of a short option: the rest of its word, or the next one.
    pub(super) fn value_of(&self, option: char) -> Option<&'a str> {
        let (at, word) = self.all.iter().enumerate().find_map(|(at, word)| {
            let word = word.as_deref().filter(|word| is_option(word) && !word.starts_with("--"))?;
            self.letters(word).any(|letter| letter == option).then_some((at, word))
        })?;
        let attached = word.split_once(option).map(|(_, value)| value).filter(|value| !value.is_empty());
        if attached.is_some() && self.with_value.contains(option) {
            return attached;
        }
        self.all.get(at + 1)?.as_deref()
    }

    /// The value of a long option, behind `=` or in the next word.
    pub(super) fn long_value_of(&self, option: &str) -> Option<&'a str> {
        let name = |word: &'a str| word.strip_prefix("--")?.strip_prefix(option);
        let mut words = self.all.iter().map(Option::as_deref);
        let rest = words
            .by_ref()
            .flatten()
            .find_map(|word| name(word).filter(|rest| rest.is_empty() || rest.starts_with('=')))?;
        rest.strip_prefix('=').or_else(|| words.next().flatten())
    }

    /// Its letters, until the one that the rest of the word belongs to.
    fn letters(&self, word: &'a str) -> impl Iterator<Item = char> {
        let mut is_over = false;
        let with_value = self.with_value;
        word.chars().skip(1).take_while(move |letter| {
            let goes_on = !is_over;
            is_over = with_value.contains(*letter);
            goes_on
        })
    }

    fn options(&self) -> impl Iterator<Item = &'a str> {
        let words = self.all.iter().filter_map(Option::as_deref);
        words.take_while(|word| *word != "--").filter(|word| is_option(word))
    }
}

fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// Whether the last letter is the first one that takes a value: it is in the next word then.
fn value_follows(word: &str, with_value: &str) -> bool {
    !word.starts_with("--") && word.find(|letter| with_value.contains(letter)) == Some(word.len() - 1)
}
