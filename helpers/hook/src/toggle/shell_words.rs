//! A shell command as simple commands of plain words: what a reader can know of it without running it.
//! Knows the shell's grammar; not what any program does.

use brush_parser::ast::{
    Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundList, IoFileRedirectKind,
    IoFileRedirectTarget, IoRedirect, Program, SimpleCommand, Word,
};
use brush_parser::word::{Parameter, ParameterExpr, TildeExpr, WordPiece, WordPieceWithSource};
use brush_parser::{Parser, ParserOptions};

/// A word whose value depends on what is only known when the command runs.
pub(super) type KnownWord = Option<String>;

/// A program with its arguments, and the files that the shell itself writes for it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ShellCall {
    /// The program's name and its arguments.
    pub(super) words: Vec<KnownWord>,
    /// Targets of `>` and its like.
    pub(super) writes: Vec<KnownWord>,
    /// Texts that come on its stdin: here-documents and here-strings.
    pub(super) stdin: Vec<String>,
}

/// All calls of a command, in the order of its text; `None` when it is no shell command.
pub(super) fn calls(command: &str) -> Option<Vec<ShellCall>> {
    let options = ParserOptions::default();
    let program = Parser::new(command.as_bytes(), &options).parse_program().ok()?;
    let mut reader = Reader { options, calls: Vec::new() };
    reader.program(&program);
    Some(reader.calls)
}

struct Reader {
    options: ParserOptions,
    calls: Vec<ShellCall>,
}

impl Reader {
    fn program(&mut self, program: &Program) {
        program.complete_commands.iter().for_each(|list| self.list(list));
    }

    fn list(&mut self, list: &CompoundList) {
        for item in &list.0 {
            for (_, pipeline) in &item.0 {
                pipeline.seq.iter().for_each(|command| self.command(command));
            }
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Compound(compound, redirects) => {
                self.compound(compound);
                self.redirects(redirects.iter().flat_map(|list| &list.0));
            }
            Command::Function(function) => {
                self.compound(&function.body.0);
                self.redirects(function.body.1.iter().flat_map(|list| &list.0));
            }
            Command::ExtendedTest(_, redirects) => {
                self.redirects(redirects.iter().flat_map(|list| &list.0));
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand) {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list),
            CompoundCommand::Subshell(subshell) => self.list(&subshell.list),
            CompoundCommand::ForClause(clause) => self.list(&clause.body.list),
            CompoundCommand::ArithmeticForClause(clause) => self.list(&clause.body.list),
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0);
                self.list(&clause.1.list);
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition);
                self.list(&clause.then);
                for other in clause.elses.iter().flatten() {
                    other.condition.iter().for_each(|list| self.list(list));
                    self.list(&other.body);
                }
            }
            CompoundCommand::CaseClause(clause) => {
                clause.cases.iter().filter_map(|case| case.cmd.as_ref()).for_each(|list| self.list(list));
            }
            CompoundCommand::Coprocess(coprocess) => self.command(&coprocess.body),
            CompoundCommand::Arithmetic(_) => {}
        }
    }

    /// What is redirected around a whole block is a call without a program.
    fn redirects<'a>(&mut self, redirects: impl Iterator<Item = &'a IoRedirect>) {
        let mut call = ShellCall::default();
        redirects.for_each(|redirect| self.redirect(redirect, &mut call));
        if call != ShellCall::default() {
            self.calls.push(call);
        }
    }

    fn simple(&mut self, simple: &SimpleCommand) {
        let mut call = ShellCall::default();
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            // Assignments before the program are its environment, not its arguments.
            if !matches!(item, CommandPrefixOrSuffixItem::AssignmentWord(..)) {
                self.item(item, &mut call);
            }
        }
        if let Some(name) = &simple.word_or_name {
            let word = self.word(name);
            call.words.push(word);
        }
        simple.suffix.iter().flat_map(|suffix| &suffix.0).for_each(|item| self.item(item, &mut call));
        self.calls.push(call);
    }

    fn item(&mut self, item: &CommandPrefixOrSuffixItem, call: &mut ShellCall) {
        match item {
            CommandPrefixOrSuffixItem::IoRedirect(redirect) => self.redirect(redirect, call),
            CommandPrefixOrSuffixItem::Word(word) | CommandPrefixOrSuffixItem::AssignmentWord(_, word) => {
                let word = self.word(word);
                call.words.push(word);
            }
            CommandPrefixOrSuffixItem::ProcessSubstitution(_, subshell) => self.list(&subshell.list),
        }
    }

    fn redirect(&mut self, redirect: &IoRedirect, call: &mut ShellCall) {
        match redirect {
            IoRedirect::OutputAndError(target, _) => {
                let target = self.word(target);
                call.writes.push(target);
            }
            IoRedirect::File(_, kind, target) => self.file_redirect(kind, target, call),
            IoRedirect::HereDocument(_, document) => call.stdin.push(document.doc.value.clone()),
            IoRedirect::HereString(_, word) => {
                let word = self.word(word);
                call.stdin.extend(word);
            }
        }
    }

    fn file_redirect(
        &mut self,
        kind: &IoFileRedirectKind,
        target: &IoFileRedirectTarget,
        call: &mut ShellCall,
    ) {
        let writes = match kind {
            IoFileRedirectKind::Write
            | IoFileRedirectKind::Append
            | IoFileRedirectKind::ReadAndWrite
            | IoFileRedirectKind::Clobber
            | IoFileRedirectKind::DuplicateOutput => true,
            IoFileRedirectKind::Read | IoFileRedirectKind::DuplicateInput => false,
        };
        match target {
            IoFileRedirectTarget::Filename(word) => {
                let word = self.word(word);
                call.writes.extend(writes.then_some(word));
            }
            IoFileRedirectTarget::Duplicate(word) => {
                let word = self.word(word);
                let is_descriptor =
                    |word: &String| word.trim_end_matches('-').bytes().all(|byte| byte.is_ascii_digit());
                if writes && !word.as_ref().is_some_and(is_descriptor) {
                    call.writes.push(word);
                }
            }
            IoFileRedirectTarget::ProcessSubstitution(_, subshell) => self.list(&subshell.list),
            IoFileRedirectTarget::Fd(_) => {}
        }
    }

    /// The word's value, where nothing in it has to be run or looked up; what it runs is read, too.
    fn word(&mut self, word: &Word) -> KnownWord {
        let pieces = brush_parser::word::parse(&word.value, &self.options).ok()?;
        let mut value = Some(String::new());
        for piece in &pieces {
            let part = self.piece(piece);
            value = value.zip(part).map(|(value, part)| value + &part);
        }
        // A pattern stands for whatever is there.
        value.filter(|_| !has_pattern(&pieces))
    }

    fn piece(&mut self, piece: &WordPieceWithSource) -> KnownWord {
        match &piece.piece {
            WordPiece::Text(text) | WordPiece::SingleQuotedText(text) | WordPiece::AnsiCQuotedText(text) => {
                Some(text.clone())
            }
            WordPiece::EscapeSequence(escape) => Some(escape.trim_start_matches('\\').to_owned()),
            WordPiece::DoubleQuotedSequence(pieces) | WordPiece::GettextDoubleQuotedSequence(pieces) => {
                let parts: Vec<KnownWord> = pieces.iter().map(|piece| self.piece(piece)).collect();
                parts.into_iter().collect::<Option<Vec<_>>>().map(|parts| parts.concat())
            }
            WordPiece::CommandSubstitution(command) | WordPiece::BackquotedCommandSubstitution(command) => {
                self.calls.extend(calls(command).unwrap_or_default());
                None
            }
            WordPiece::ParameterExpansion(ParameterExpr::Parameter {
                parameter: Parameter::Named(name),
                ..
            }) => std::env::var(name).ok().filter(|_| matches!(name.as_str(), "HOME" | "TMPDIR")),
            WordPiece::TildeExpansion(TildeExpr::Home) => std::env::var("HOME").ok(),
            WordPiece::TildeExpansion(_)
            | WordPiece::ParameterExpansion(_)
            | WordPiece::ArithmeticExpression(_) => None,
        }
    }
}

/// Whether an unquoted part of the word is a pattern.
fn has_pattern(pieces: &[WordPieceWithSource]) -> bool {
    pieces.iter().any(|piece| match &piece.piece {
        WordPiece::Text(text) => text.contains(['*', '?', '[']) || text.contains('{') && text.contains(','),
        _ => false,
    })
}
