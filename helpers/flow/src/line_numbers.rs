//! On which line of a flow file something stands. The YAML library reads values and forgets where they were; this looks
//! at the text again, at steps and their keys only, and names the line above where the file is written another way.

/// The lines of a flow file.
#[derive(Debug, Clone)]
pub struct LineNumbers<'a> {
    all: Vec<&'a str>,
    /// The first line of each step, from 0, and the column of its first key.
    steps: Vec<(usize, usize)>,
    list: usize,
}

impl<'a> LineNumbers<'a> {
    /// Looks for the steps.
    pub fn of(text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let list = lines.iter().position(|line| line.starts_with("steps:")).unwrap_or(0);
        let below = || lines.iter().enumerate().skip(list + 1);
        let dash = below().find_map(|(_, line)| dash_column(line));
        // What stands below a step is further to the right, and what ends the list is a key of the file's own.
        let within = below().take_while(|(_, line)| !line.starts_with(|c: char| c.is_alphanumeric()));
        let steps = within
            .filter(|(_, line)| dash.is_some() && dash_column(line) == dash)
            .map(|(at, line)| (at, first_key_column(line)))
            .collect();
        Self { all: lines, steps, list }
    }

    /// The line of a key of the file's own.
    pub fn top(&self, key: &str) -> usize {
        let at = self.all.iter().position(|line| begins_with_key(line, key));
        at.map_or(1, |at| at + 1)
    }

    /// The line of a key below a key of the file's own, as an input is.
    pub fn below(&self, parent: &str, key: &str) -> usize {
        let from = self.top(parent);
        let below = self.all.iter().enumerate().skip(from);
        let mut within = below.take_while(|(_, line)| !line.starts_with(|c: char| c.is_alphanumeric()));
        within.find(|(_, line)| begins_with_key(line.trim_start(), key)).map_or(from, |(at, _)| at + 1)
    }

    /// The line on which a step begins.
    pub fn step(&self, index: usize) -> usize {
        self.steps.get(index).map_or(self.list + 1, |(at, _)| at + 1)
    }

    /// The line of a step's key.
    pub fn key(&self, index: usize, key: &str) -> usize {
        let Some(&(_, column)) = self.steps.get(index) else { return self.step(index) };
        let found = self.of_step(index).find(|(_, line)| {
            line.get(column..).is_some_and(|rest| begins_with_key(rest, key))
                && line[..column].chars().all(|c| c == ' ' || c == '-')
        });
        found.map_or_else(|| self.step(index), |(at, _)| at + 1)
    }

    /// The first line of a step that holds a text; the step's own where none does.
    pub fn text(&self, index: usize, text: &str) -> usize {
        let found = self.of_step(index).find(|(_, line)| line.contains(text));
        found.map_or_else(|| self.step(index), |(at, _)| at + 1)
    }

    /// Whether a line is one of a step's.
    pub fn holds(&self, index: usize, line: usize) -> bool {
        self.of_step(index).any(|(at, _)| at + 1 == line)
    }

    fn of_step(&self, index: usize) -> impl Iterator<Item = (usize, &'a str)> {
        let from = self.steps.get(index).map_or(self.all.len(), |(at, _)| *at);
        let to = self.steps.get(index + 1).map_or(self.all.len(), |(at, _)| *at);
        self.all.iter().copied().enumerate().skip(from).take(to - from)
    }
}

fn begins_with_key(text: &str, key: &str) -> bool {
    text.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'))
}

fn dash_column(line: &str) -> Option<usize> {
    let column = line.len() - line.trim_start_matches(' ').len();
    let rest = &line[column..];
    (rest == "-" || rest.starts_with("- ")).then_some(column)
}

fn first_key_column(line: &str) -> usize {
    let after = line.trim_start_matches([' ', '-']);
    line.len() - after.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
name: x
inputs:
  task: {kind: packet}
steps:
  # the first
  - id: a
    prompt: |
      - id: not a step
        {{steps.b.result}}
    needs: [b]

  -   id: b
      mode: reviewer
limits:
  runs: 2
";

    #[test]
    fn steps_keys_and_texts_are_found() {
        let lines = LineNumbers::of(FILE);
        assert_eq!((lines.step(0), lines.step(1), lines.step(2)), (6, 12, 4));
        assert_eq!((lines.key(0, "id"), lines.key(0, "needs"), lines.key(1, "mode")), (6, 10, 13));
        assert_eq!((lines.key(0, "mode"), lines.text(0, "steps.b"), lines.text(1, "steps.b")), (6, 9, 12));
        assert_eq!((lines.top("limits"), lines.top("name"), lines.top("none")), (14, 1, 1));
        assert_eq!((lines.below("inputs", "task"), lines.below("inputs", "other")), (3, 2));
    }

    #[test]
    fn a_list_in_brackets_is_named_as_a_whole() {
        let lines = LineNumbers::of("name: x\nsteps: [{id: a}, {id: b}]\n");
        assert_eq!((lines.step(1), lines.key(1, "id"), lines.text(0, "a")), (2, 2, 2));
        assert_eq!(LineNumbers::of("").step(0), 1);
    }

    #[test]
    fn a_list_that_is_not_indented_is_a_list() {
        let lines = LineNumbers::of("steps:\n- id: a\n  mode: x\n- id: b\nname: x\n");
        assert_eq!((lines.step(0), lines.key(0, "mode"), lines.step(1)), (2, 3, 4));
    }
}
