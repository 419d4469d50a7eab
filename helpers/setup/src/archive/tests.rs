use miniz_oxide::deflate::compress_to_vec;

use super::*;

/// A tar file as every tar writes it.
fn tar(members: &[(&str, &str, u8)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content, kind) in members {
        let mut header = [0; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = *kind;
        tar.extend(header);
        tar.extend(content.as_bytes());
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    tar
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    gzip.extend(b"name.tar\0");
    gzip.extend(compress_to_vec(bytes, 6));
    gzip.extend([0; 8]);
    gzip
}

fn all(extra: &[(&str, &str, u8)]) -> Vec<u8> {
    let names: Vec<String> = PROGRAMS.iter().map(|name| format!("clodex-0.1.0/{name}")).collect();
    let mut members: Vec<_> = names.iter().map(|name| (name.as_str(), "program", b'0')).collect();
    members.extend(extra);
    gzip(&tar(&members))
}

fn refusal(archive: &[u8], digest: &str) -> String {
    programs(archive, digest, "x.tar.gz").unwrap_err().message().lines().next().unwrap().to_owned()
}

#[test]
fn a_whole_archive_of_the_right_digest_is_taken() {
    let archive = all(&[("clodex-0.1.0/README.md", "read me", b'0'), ("clodex-0.1.0", "", b'5')]);
    let taken = programs(&archive, &sha256_hex(&archive).to_uppercase(), "x").unwrap();
    assert_eq!(taken.len(), PROGRAMS.len());
    assert!(taken.iter().all(|(_, content)| content == b"program"));
}

#[test]
fn programs_of_every_size_are_read() {
    let contents: Vec<String> = [0, 1, 8, 64, 511, 512, 4096].iter().map(|size| "x".repeat(*size)).collect();
    let members: Vec<_> = PROGRAMS
        .iter()
        .zip(contents.iter().cycle())
        .map(|(name, content)| (*name, content.as_str(), b'0'))
        .collect();
    let archive = gzip(&tar(&members));
    let taken = programs(&archive, &sha256_hex(&archive), "x").unwrap();
    assert!(taken.iter().zip(&members).all(|((_, taken), (_, content, _))| taken == content.as_bytes()));
}

#[test]
fn another_digest_is_refused_before_anything_is_read() {
    let said = refusal(b"no archive at all", &"0".repeat(64));
    assert!(said.contains("its digest is "), "{said}");
}

#[test]
fn an_archive_that_is_broken_or_leads_out_is_refused() {
    for (archive, why) in [
        (b"plain".to_vec(), "it is not a gzip file"),
        (gzip(b""), "it holds no clodex-announce"),
        (gzip(&tar(&[("clodex-announce", "x", b'2')])), "it holds no clodex-announce"),
        (gzip(&tar(&[("clodex-announce", "long", b'0')])[..BLOCK]), "it ends too early"),
        (all(&[("../clodex-evil", "x", b'0')]), "its member `../clodex-evil` leads out of it"),
        (all(&[("/clodex-evil", "x", b'0')]), "its member `clodex-evil` leads out of it"),
        (all(&[("other/clodex-apply", "x", b'0')]), "it holds clodex-apply twice"),
    ] {
        let said = refusal(&archive, &sha256_hex(&archive));
        assert!(said.ends_with(why), "{said}");
    }
}
