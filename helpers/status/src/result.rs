//! clodex-result: the final text of a run, bounded.

use std::io::IsTerminal as _;
use std::path::Path;

use clodex_core::{ExitCode, Liveness, RunRecord, harmless};
use clodex_os::read_regular;

use crate::cli::ResultArguments;
use crate::context::{Context, live_line, now_ms, print};
use crate::status::text;
use clodex_os::Failure;

const BOUND_BYTES: usize = 8 * 1024;
/// Of a bounded text, this much is its end: that is where the verdict stands.
const END_BYTES: usize = 1024;
/// Room for the line that says what was left out.
const NOTE_BYTES: usize = 512;
const FILE_MAX_BYTES: u64 = 64 << 20;

pub fn result(context: &Context, arguments: &ResultArguments) -> Result<u8, Failure> {
    let run = context.find(&arguments.run)?;
    let shown = text(context, &[live_line(&run, now_ms()).line()]);
    match run.liveness {
        Liveness::Live | Liveness::OtherHost => {
            print(&shown);
            let id = &run.record.id;
            return Err(Failure::usage(format!(
                "no result yet: {id} is live\nhint: `clodex-wait {id}` waits for it"
            )));
        }
        Liveness::Dead | Liveness::Ended => {}
    }
    let path = Path::new(&run.record.artifact_dir).join("result.md");
    let Ok(bytes) = read_regular(&path, FILE_MAX_BYTES) else {
        print(&shown);
        return Err(no_text(&run.record, &path));
    };
    let content = String::from_utf8_lossy(&bytes);
    let content = if arguments.full { content.into_owned() } else { bounded(&content, &path) };
    // A worker's text may hold what a terminal would obey; whoever reads a pipe gets what was written.
    let harmless_lines = || content.lines().map(harmless).collect::<Vec<_>>().join("\n");
    let content = if std::io::stdout().is_terminal() { harmless_lines() } else { content };
    print(content.trim_end());
    print("\n");
    Ok(0)
}

fn no_text(record: &RunRecord, path: &Path) -> Failure {
    Failure::new(
        ExitCode::NotDelivered,
        format!(
            "cannot read the final text {}\nhint: `clodex-debug {}` shows what happened",
            path.display(),
            record.id
        ),
    )
}

/// Head and end of a text that is too long, cut at lines.
fn bounded(text: &str, path: &Path) -> String {
    if text.len() <= BOUND_BYTES {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(BOUND_BYTES - END_BYTES - NOTE_BYTES);
    let head = text[..head].rfind('\n').unwrap_or(head);
    let end = text.ceil_char_boundary(text.len() - END_BYTES);
    let end = text[end..].find('\n').map_or(end, |line_end| end + line_end + 1);
    let left_out = end - head;
    let note = cut_path(path);
    format!(
        "{}\n\n[… {left_out} bytes left out; --full shows all, it is in {note}]\n\n{}",
        &text[..head],
        &text[end..]
    )
}

fn cut_path(path: &Path) -> String {
    let shown = path.display().to_string();
    if shown.len() < NOTE_BYTES - 100 { shown } else { "the run's artifacts".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_untouched() {
        assert_eq!(bounded("all good\nVERDICT: CLEAN\n", Path::new("/r.md")), "all good\nVERDICT: CLEAN\n");
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_verdict() {
        let text = format!("# Report\n{}VERDICT: CLEAN\n", "ein Satz über Ähnliches\n".repeat(20_000));
        let bounded = bounded(&text, Path::new("/r.md"));
        assert!(bounded.len() <= BOUND_BYTES, "{}", bounded.len());
        assert!(bounded.starts_with("# Report\n"));
        assert!(bounded.ends_with("VERDICT: CLEAN\n"));
        assert!(bounded.contains("bytes left out; --full shows all, it is in /r.md]"));
    }

    #[test]
    fn one_endless_line_is_bounded_too() {
        let bounded = bounded(&"é".repeat(50_000), Path::new("/r.md"));
        assert!(bounded.len() <= BOUND_BYTES, "{}", bounded.len());
    }
}
