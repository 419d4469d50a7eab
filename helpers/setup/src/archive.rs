//! A release archive: checked against its digest before anything else, then read for our programs and nothing else.
//! Nothing is unpacked by name: a member can only become one of the files that we know.

use std::fmt::Write as _;

use clodex_core::ExitCode;
use clodex_os::{Failure, sha256_hex};
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::names::PROGRAMS;

/// All programs together have a tenth of it.
const UNPACKED_MAX_BYTES: usize = 512 << 20;
const BLOCK: usize = 512;

/// A program and its bytes.
pub type Program = (&'static str, Vec<u8>);

/// The programs in a `.tar.gz` whose digest is `wanted` (hexadecimal SHA-256).
pub fn programs(archive: &[u8], wanted: &str, shown: &str) -> Result<Vec<Program>, Failure> {
    let refused = |why: String| {
        let mut message = format!("cannot take the helpers from `{shown}`: {why}");
        let _ = write!(
            message,
            "\nhint: download it anew, or name another one with --from-archive; nothing was unpacked"
        );
        Failure::new(ExitCode::Unreachable, message)
    };
    let found = sha256_hex(archive);
    if !found.eq_ignore_ascii_case(wanted.trim()) {
        return Err(refused(format!("its digest is {found}, and not {}", wanted.trim())));
    }
    let tar = gunzip(archive).ok_or_else(|| refused("it is not a gzip file".into()))?;
    let programs = members(&tar).map_err(&refused)?;
    let missing = PROGRAMS.iter().find(|name| !programs.iter().any(|(has, _)| has == *name));
    match missing {
        Some(name) => Err(refused(format!("it holds no {name}"))),
        None => Ok(programs),
    }
}

/// What a gzip file holds, of one member. Its own checksum says less than the digest that was checked.
fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let [0x1f, 0x8b, 8, flags, ..] = *bytes else { return None };
    let mut rest = bytes.get(10..)?;
    if flags & 4 != 0 {
        let length = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
        rest = rest.get(2 + length..)?;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            rest = rest.get(rest.iter().position(|byte| *byte == 0)? + 1..)?;
        }
    }
    if flags & 2 != 0 {
        rest = rest.get(2..)?;
    }
    decompress_to_vec_with_limit(rest, UNPACKED_MAX_BYTES).ok()
}

/// Our programs among the members of a tar file.
fn members(tar: &[u8]) -> Result<Vec<Program>, String> {
    let mut found: Vec<Program> = Vec::new();
    let mut at = 0;
    while let Some(header) = tar.get(at..at + BLOCK).filter(|header| header[0] != 0) {
        let size = octal(&header[124..136]).ok_or("a member has no size")?;
        let begin = at + BLOCK;
        let content =
            begin.checked_add(size).and_then(|end| tar.get(begin..end)).ok_or("it ends too early")?;
        let name = [text(&header[345..500]), text(&header[..100])].join("/");
        if name.split('/').any(|part| part == "..") || text(&header[..100]).starts_with('/') {
            return Err(format!("its member `{}` leads out of it", name.trim_start_matches('/')));
        }
        let base = name.rsplit('/').next().unwrap_or_default();
        let is_file = matches!(header[156], b'0' | 0);
        if let Some(program) = PROGRAMS.into_iter().find(|program| is_file && *program == base) {
            if found.iter().any(|(name, _)| *name == program) {
                return Err(format!("it holds {program} twice"));
            }
            found.push((program, content.to_vec()));
        }
        at = begin + size.next_multiple_of(BLOCK);
    }
    Ok(found)
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn octal(field: &[u8]) -> Option<usize> {
    usize::from_str_radix(text(field).trim(), 8).ok()
}

#[cfg(test)]
mod tests;
