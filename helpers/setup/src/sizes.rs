//! Sizes as people read them.

/// `12 B`, `1.5 kB`, `3.2 MB`, `4.0 GB`.
pub fn size_text(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_in_the_unit_that_fits() {
        let told = [0, 999, 1_500, 3_240_000, 4_000_000_000].map(size_text);
        assert_eq!(told, ["0 B", "999 B", "1.5 kB", "3.2 MB", "4.0 GB"]);
    }
}
