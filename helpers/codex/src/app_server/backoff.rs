//! When a server is asked again that is overloaded, or could not be reached.

use std::time::{Duration, Instant};

/// `Server overloaded; retry later.`: it has done nothing of what was asked.
pub(super) const OVERLOADED: i64 = -32001;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The pause after this many tries: twice as long each time, and somewhere in its upper half, so that those who were
/// refused together do not come back together.
pub(super) fn pause(tries: u32) -> Duration {
    whole(tries).mul_f64(0.5 + clodex_os::random_fraction() / 2.0)
}

/// What an overloaded server is asked once more, and when.
#[derive(Debug)]
pub(super) struct Retries<S>(Vec<(Instant, S)>);

impl<S> Retries<S> {
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Keeps what was tried so often until it is due; gives it back where that is not before its deadline.
    pub(super) fn put(
        &mut self,
        sent: S,
        tries: u32,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<(), S> {
        let at = now + pause(tries);
        if deadline.is_some_and(|deadline| deadline <= at) {
            return Err(sent);
        }
        self.0.push((at, sent));
        Ok(())
    }

    /// When the next one is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.0.iter().map(|(at, _)| *at).min()
    }

    /// One that is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<S> {
        let at = self.0.iter().position(|(at, _)| *at <= now)?;
        Some(self.0.swap_remove(at).1)
    }

    /// All of them: none is asked again.
    pub(super) fn take(&mut self) -> impl Iterator<Item = S> + use<S> {
        std::mem::take(&mut self.0).into_iter().map(|(_, sent)| sent)
    }
}

fn whole(tries: u32) -> Duration {
    let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST.saturating_mul(doubled).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_again_is_due_after_a_pause_and_never_after_its_deadline() {
        let (mut retries, now) = (Retries::none(), Instant::now());
        retries.put("soon", 1, now, None).unwrap();
        retries.put("later", 3, now, Some(now + LONGEST)).unwrap();
        assert_eq!(retries.put("never", 1, now, Some(now)), Err("never"));
        assert_eq!((retries.due(now), retries.next_at() > Some(now)), (None, true));
        assert_eq!(retries.due(now + whole(1)), Some("soon"));
        assert_eq!(retries.due(now + whole(1)), None);
        assert_eq!(retries.take().collect::<Vec<_>>(), ["later"]);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let ms = |tries| whole(tries).as_millis();
        assert_eq!([ms(1), ms(2), ms(3), ms(7), ms(40)], [100, 200, 400, 5000, 5000]);
        let many: std::collections::HashSet<Duration> = (0..20).map(|_| pause(3)).collect();
        assert!(many.len() > 10);
        assert!(many.iter().all(|pause| (200..=400).contains(&pause.as_millis())));
    }
}
