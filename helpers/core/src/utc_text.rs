//! Reads the times that records carry: UTC in RFC 3339. By hand, because the statusline does it on every
//! keystroke and a calendar library costs more than the rest of it. Never asks what time it is.

/// Milliseconds since 1970 of `2026-01-21T01:02:03.456Z`; none for anything that is not such a time.
pub fn utc_ms(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock, ':')?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1000 + milliseconds(fraction)?)
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let is_number = (2..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<i64>().ok()).flatten()
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

fn milliseconds(fraction: &str) -> Option<i64> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digit = |place: usize| fraction.as_bytes().get(place).map_or(0, |byte| i64::from(byte - b'0'));
    Some(digit(0) * 100 + digit(1) * 10 + digit(2))
}

/// Days from 1970-01-01 in the Gregorian calendar; years begin in March here so that the leap day is the last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_are_read_to_the_millisecond() {
        assert_eq!(utc_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(utc_ms("2000-02-29T12:00:00.5Z"), Some(951_825_600_500));
        assert_eq!(utc_ms("2026-11-21T03:44:10.123456Z"), Some(1_795_232_650_123));
        assert_eq!(utc_ms("2100-03-01T00:00:00.000Z"), Some(4_107_542_400_000));
    }

    #[test]
    fn what_is_no_utc_time_is_none() {
        for text in
            ["", "Z", "2026-11-21", "2026-11-21T03:44Z", "2026-13-01T00:00:00Z", "2026-11-21T03:44:10+01:00"]
        {
            assert_eq!(utc_ms(text), None, "{text}");
        }
    }
}
