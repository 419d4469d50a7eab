//! When a server is asked again that is overloaded, or could not be reached.

use std::time::Duration;

/// `Server overloaded; retry later.`: it has done nothing of what was asked.
pub(super) const OVERLOADED: i64 = -32001;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The pause after this many tries: twice as long each time, and somewhere in its upper half, so that those who were
/// refused together do not come back together.
pub(super) fn pause(tries: u32) -> Duration {
    whole(tries).mul_f64(0.5 + clodex_os::random_fraction() / 2.0)
}

fn whole(tries: u32) -> Duration {
    let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST.saturating_mul(doubled).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let ms = |tries| whole(tries).as_millis();
        assert_eq!([ms(1), ms(2), ms(3), ms(7), ms(40)], [100, 200, 400, 5000, 5000]);
        let many: std::collections::HashSet<Duration> = (0..20).map(|_| pause(3)).collect();
        assert!(many.len() > 10);
        assert!(many.iter().all(|pause| (200..=400).contains(&pause.as_millis())));
    }
}
