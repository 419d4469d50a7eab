//! Changing one value of a text. What is added looks like its neighbours; what is taken away takes its comma along.

use std::ops::Range;

use super::fresh::{Style, quoted};
use super::{BOM, Children, Fresh, JsonText, Node, scan};

impl JsonText {
    /// Puts a value in another's place.
    pub fn replace(&mut self, node: &Node, value: &Fresh) {
        let indent = self.indent_of_line(node.span.start);
        let rendered = value.render(&self.style(), &indent);
        self.splice(node.span.clone(), &rendered);
    }

    /// Adds a member at the end of the object at `path`, which is there.
    pub fn add_member(&mut self, path: &[&str], name: &str, value: &Fresh) {
        let Some(object) = self.get(path).cloned() else { return };
        let style = self.style();
        let member =
            |indent: &str| format!("{}{}{}", quoted(name), style.colon, value.render(&style, indent));
        self.add_item(&object, &style, member);
    }

    /// Adds an element at the end of the array at `path`, which is there.
    pub fn add_element(&mut self, path: &[&str], value: &Fresh) {
        let Some(array) = self.get(path).cloned() else { return };
        let style = self.style();
        self.add_item(&array, &style, |indent| value.render(&style, indent));
    }

    /// Takes the member away that counts under this name.
    pub fn remove_member(&mut self, path: &[&str], name: &str) {
        let Some(object) = self.get(path).cloned() else { return };
        let Children::Members(members) = &object.children else { return };
        let found = members.iter().rposition(|member| member.name.as_deref() == Some(name));
        if let Some(index) = found {
            self.remove_item(&object, index);
        }
    }

    /// Takes the last element away that is this text.
    pub fn remove_element(&mut self, path: &[&str], text: &str) {
        let Some(array) = self.get(path).cloned() else { return };
        let Children::Elements(elements) = &array.children else { return };
        let found = elements.iter().rposition(|element| self.string(element).as_deref() == Some(text));
        if let Some(index) = found {
            self.remove_item(&array, index);
        }
    }

    fn add_item(&mut self, container: &Node, style: &Style, item: impl Fn(&str) -> String) {
        let items = container.items();
        let Some(last) = items.last() else { return self.fill(container, style, item) };
        let before_last =
            items.len().checked_sub(2).map_or(container.span.start + 1, |index| items[index].end);
        let lead = &self.text[before_last..last.start];
        let lead = lead.rsplit_once(',').map_or(lead, |(_, after_comma)| after_comma);
        let added = match (lead.rsplit_once('\n'), style.newline) {
            (Some((_, indent)), newline) => format!(",{}{indent}{}", newline.unwrap_or("\n"), item(indent)),
            (None, _) if items.len() > 1 => format!(",{lead}{}", item("")),
            (None, _) => format!(",{}{}", style.gap, item("")),
        };
        self.splice(last.end..last.end, &added);
    }

    /// Adds an item to what is empty. White space that is there stays behind it.
    fn fill(&mut self, container: &Node, style: &Style, item: impl Fn(&str) -> String) {
        let start = container.span.start + 1;
        let inside = &self.text[start..container.span.end - 1];
        let added = match style.newline {
            None => item(""),
            Some(newline) => {
                let outer = self.indent_of_line(container.span.start);
                let indent = format!("{outer}{}", style.unit);
                let close = if inside.contains('\n') { String::new() } else { format!("{newline}{outer}") };
                format!("{newline}{indent}{}{close}", item(&indent))
            }
        };
        self.splice(start..start, &added);
    }

    fn remove_item(&mut self, container: &Node, index: usize) {
        let items = container.items();
        let span = match (index.checked_sub(1), items.get(index + 1)) {
            (Some(previous), _) => items[previous].end..items[index].end,
            (None, Some(next)) => items[index].start..next.start,
            (None, None) => container.span.start + 1..container.span.end - 1,
        };
        self.splice(span, "");
    }

    fn splice(&mut self, span: Range<usize>, with: &str) {
        self.text.replace_range(span, with);
        let begin = if self.text.starts_with(BOM) { BOM.len_utf8() } else { 0 };
        self.root = scan::scan(&self.text, begin);
    }

    /// How the text is written, as its first member shows.
    fn style(&self) -> Style {
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let pretty = Style { newline: Some(newline), unit: "  ".into(), colon: ": ".into(), gap: " " };
        let Children::Members(members) = &self.root.children else { return pretty };
        let Some(first) = members.first() else { return pretty };
        let lead = &self.text[self.root.span.start + 1..first.key.start];
        let colon = &self.text[first.key.end..first.value.span.start];
        let is_spaced = colon.ends_with(' ');
        let colon = if colon.contains('\n') { ": ".to_owned() } else { colon.to_owned() };
        let gap = if is_spaced { " " } else { "" };
        match lead.rsplit_once('\n') {
            Some((_, unit)) => Style { newline: Some(newline), unit: unit.to_owned(), colon, gap },
            None => Style { newline: None, unit: String::new(), colon, gap },
        }
    }

    fn indent_of_line(&self, at: usize) -> String {
        let line = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = &self.text[line..at];
        line[..line.len() - line.trim_start_matches([' ', '\t']).len()].to_owned()
    }
}
