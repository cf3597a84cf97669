//! Durations, shares and ranges as a person writes them on a command line, and figures as a person
//! reads them.

use std::time::Duration;

/// Reads `250ms`, `10s`, `1.5m` or `2h`; a bare number is seconds.
///
/// # Errors
///
/// What is wrong with the text, in a sentence.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is not a unit of time; use us, ms, s, m or h")),
    };
    let number: f64 = parse_number(number)?;
    Duration::try_from_secs_f64(number * scale)
        .map_err(|_| format!("`{text}` is not a possible duration"))
}

/// Reads `10%` or `0.1` as a share of one.
///
/// # Errors
///
/// What is wrong with the text, in a sentence; a share outside of 0 to 1 among it.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let share = match text.strip_suffix('%') {
        Some(percent) => parse_number(percent)? / 100.0,
        None => parse_number(text)?,
    };
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(format!("`{text}` is not between 0% and 100%"))
    }
}

/// Reads `1-6`, or `4` as the range of just 4.
///
/// # Errors
///
/// What is wrong with the text, in a sentence.
pub fn parse_range(text: &str) -> Result<(u32, u32), String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let number = |part: &str| {
        part.trim().parse::<u32>().map_err(|_| format!("`{text}` is not a range such as 1-6"))
    };
    let (low, high) = (number(low)?, number(high)?);
    if low == 0 || low > high {
        return Err(format!("`{text}` must begin at 1 or more, and not end before it begins"));
    }
    Ok((low, high))
}

/// Reads a finite number that is not negative.
///
/// # Errors
///
/// What is wrong with the text, in a sentence.
pub fn parse_number(text: &str) -> Result<f64, String> {
    let number: f64 =
        text.trim().parse().map_err(|_| format!("`{}` is not a number", text.trim()))?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err(format!("`{}` must be finite and not negative", text.trim()))
    }
}

/// Microseconds with three digits and the unit that fits: `870 µs`, `12.4 ms`, `1.05 s`.
#[must_use]
pub fn show_us(us: u64) -> String {
    let us_f = us as f64;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", three_digits(us_f / 1e3)),
        _ => format!("{} s", three_digits(us_f / 1e6)),
    }
}

/// A whole number with a comma between thousands.
#[must_use]
pub fn show_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate per second: whole from a hundred on, else with three digits.
#[must_use]
pub fn show_rate(per_second: f64) -> String {
    if per_second >= 100.0 {
        show_count(per_second.round() as u64)
    } else {
        three_digits(per_second)
    }
}

fn three_digits(number: f64) -> String {
    match number {
        n if n >= 99.95 => format!("{n:.0}"),
        n if n >= 9.995 => format!("{n:.1}"),
        n => format!("{n:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, want_ms: Option<u64>| {
            let got = parse_duration(text);
            assert_eq!(got.as_ref().ok().copied(), want_ms.map(Duration::from_millis), "{got:?}");
        };
        check("10", Some(10_000));
        check("250ms", Some(250));
        check("1.5m", Some(90_000));
        check(" 2h ", Some(7_200_000));
        check("3000us", Some(3));
        check("3 weeks", None);
        check("-1s", None);
        check("ms", None);
        check("1e400s", None);
    }

    #[test]
    fn shares_and_ranges() {
        assert_eq!(parse_share("10%"), Ok(0.1));
        assert_eq!(parse_share("0.25"), Ok(0.25));
        assert!(parse_share("10").is_err() && parse_share("101%").is_err());
        assert_eq!(parse_range("1-6"), Ok((1, 6)));
        assert_eq!(parse_range("4"), Ok((4, 4)));
        assert!(parse_range("0-3").is_err() && parse_range("6-1").is_err());
        assert!(parse_range("a-b").is_err());
    }

    #[test]
    fn figures() {
        let times = [870, 1_000, 12_400, 999_949, 1_050_000].map(show_us);
        assert_eq!(times, ["870 µs", "1.00 ms", "12.4 ms", "1000 ms", "1.05 s"]);
        assert_eq!([7, 1_234, 1_000_000].map(show_count), ["7", "1,234", "1,000,000"]);
        assert_eq!([0.5, 12.34, 1234.4].map(show_rate), ["0.50", "12.3", "1,234"]);
    }
}
