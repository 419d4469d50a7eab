//! `clodex-scope explain`: what a change of a path would count as.

use clodex_core::ExitCode;
use clodex_os::Failure;

use super::asked::Asked;
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
            println!("{}: {}", one.path, one.counts_as.as_str());
            for reason in &one.because {
                println!("  {reason}");
            }
        }
    }
    let outside = explained.iter().find(|one| one.counts_as == CountsAs::Violation);
    Ok(outside.map_or(ExitCode::Done, |one| code_of(one.counts_as.verdict())))
}
