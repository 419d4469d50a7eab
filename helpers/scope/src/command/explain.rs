//! `clodex-scope explain`: what a change of a path would count as.

use clodex_core::{ExitCode, escaped};
use clodex_os::{Failure, say_line};

use super::target::Asked;
use super::{code_of, print_json};
use crate::cli::ExplainArguments;
use crate::{CountsAs, Explanation, baseline};

pub(super) fn explain(arguments: &ExplainArguments) -> Result<ExitCode, Failure> {
    let Asked { tree, request } = arguments.scope.asked()?;
    let before = baseline(&tree, request)?;
    let explained: Vec<Explanation> = arguments.paths.iter().map(|path| before.explain(path)).collect();
    if arguments.json {
        print_json(&explained)?;
    } else {
        for one in &explained {
            say_line(&format!("{}: {}", escaped(&one.path), one.counts_as.as_str()));
            one.because.iter().for_each(|reason| say_line(&format!("  {}", escaped(reason))));
        }
    }
    let outside = explained.iter().find(|one| one.counts_as == CountsAs::Violation);
    Ok(outside.map_or(ExitCode::Done, |one| code_of(one.counts_as.verdict())))
}
