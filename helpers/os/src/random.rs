//! Randomness, for names that must not meet.

/// Four characters of `0-9a-z`, different for every run: 1.7 million of them.
pub fn run_suffix() -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut number = random_u32();
    (0..4)
        .map(|_| {
            let character = ALPHABET[(number % 36) as usize];
            number /= 36;
            char::from(character)
        })
        .collect()
}

/// A number from 0 up to but without 1, so that those who wait do not all come back at once.
pub fn random_fraction() -> f64 {
    f64::from(random_u32()) / (f64::from(u32::MAX) + 1.0)
}

fn random_u32() -> u32 {
    // Only a system without any source of randomness refuses; then the clock has to do.
    getrandom::u32().unwrap_or_else(|_| crate::clock::subsecond_noise())
}

#[cfg(test)]
mod tests {
    use super::run_suffix;

    #[test]
    fn suffixes_are_four_base_36_characters_and_differ() {
        let many: std::collections::HashSet<String> = (0..100).map(|_| run_suffix()).collect();
        assert!(many.len() > 90, "{} of 100 differ", many.len());
        assert!(many.iter().all(|suffix| {
            suffix.len() == 4 && suffix.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
        }));
    }
}
