//! When buyers arrive, whatever the server does: the open loop.
//!
//! A profile is a row of straight pieces of rate over time. Buyer `k` arrives when the area under
//! the profile reaches `k` (or, for random arrivals, when it reaches the sum of `k` exponential
//! steps), so constant, ramp and spike are the same arithmetic, and a rate that changes never
//! gains or loses a buyer at the seam.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::units::{parse_duration, parse_number};

/// A stretch of time in which the rate goes in a straight line from one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    length_s: f64,
    from_per_s: f64,
    to_per_s: f64,
}

impl Piece {
    fn flat(length_s: f64, per_s: f64) -> Self {
        Self { length_s, from_per_s: per_s, to_per_s: per_s }
    }

    /// How many arrive in it.
    fn area(&self) -> f64 {
        (self.from_per_s + self.to_per_s) / 2.0 * self.length_s
    }

    /// How long it takes, from its beginning, until `area` have arrived.
    fn time_of(&self, area: f64) -> f64 {
        if area == 0.0 {
            return 0.0;
        }
        let slope = (self.to_per_s - self.from_per_s) / self.length_s;
        if slope == 0.0 || !slope.is_finite() {
            return area / self.from_per_s;
        }
        // Of the two solutions of `from·t + slope·t²/2 = area` this form has no cancellation.
        let root = (self.from_per_s * self.from_per_s + 2.0 * slope * area).max(0.0).sqrt();
        2.0 * area / (self.from_per_s + root)
    }
}

/// A plan of arrivals, relative to the beginning of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pieces: Vec<Piece>,
    /// Times that were given one by one; then there are no pieces.
    times: Vec<Duration>,
    /// The seed of random steps; none for even ones.
    poisson_seed: Option<u64>,
}

impl Schedule {
    /// The same rate all the time; without an end where `length` is none.
    #[must_use]
    pub fn constant(per_s: f64, length: Option<Duration>) -> Self {
        let length_s = length.map_or(f64::INFINITY, |length| length.as_secs_f64());
        Self::of(vec![Piece::flat(length_s, per_s)])
    }

    /// Reads `FROM..TO`, a rate that goes in a straight line from one to the other over `length`.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, in a sentence.
    pub fn ramp(text: &str, length: Duration) -> Result<Self, String> {
        let (from_per_s, to_per_s) = parse_rates(text)?;
        let length_s = length.as_secs_f64();
        Ok(Self::of(vec![Piece { length_s, from_per_s, to_per_s }]))
    }

    /// Reads `BASE..PEAK@AT+FOR`: a rate of `BASE`, but of `PEAK` from `AT` on for the time `FOR`.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, in a sentence.
    pub fn spike(text: &str, length: Duration) -> Result<Self, String> {
        let shape = "a spike is BASE..PEAK@AT+FOR, such as 100..5000@10s+5s";
        let (rates, when) = text.split_once('@').ok_or(shape)?;
        let (at, lasting) = when.split_once('+').ok_or(shape)?;
        let (base, peak) = parse_rates(rates)?;
        let (at, lasting) = (parse_duration(at)?, parse_duration(lasting)?);
        let after = length
            .checked_sub(at + lasting)
            .ok_or_else(|| format!("the spike ends after the {length:?} of the run"))?;
        let pieces = [(at, base), (lasting, peak), (after, base)];
        Ok(Self::of(pieces.map(|(length, rate)| Piece::flat(length.as_secs_f64(), rate)).into()))
    }

    /// Reads arrival times in seconds from the beginning, the first column of a CSV; a first line
    /// that is not a number is its heading, and what begins with `#` is a comment.
    ///
    /// # Errors
    ///
    /// The line that is not a time, or that there is none.
    pub fn csv(text: &str) -> Result<Self, String> {
        let mut times = Vec::new();
        let mut may_be_heading = true;
        for (index, line) in text.lines().enumerate() {
            let cell = line.split([',', ';', '\t']).next().unwrap_or_default().trim();
            if cell.is_empty() || cell.starts_with('#') {
                continue;
            }
            match parse_number(cell) {
                Ok(at_s) => times.push(Duration::from_secs_f64(at_s.min(1e9))),
                Err(_) if may_be_heading => {}
                Err(reason) => return Err(format!("line {}: {reason}", index + 1)),
            }
            may_be_heading = false;
        }
        if times.is_empty() {
            return Err("there is no arrival time in it".into());
        }
        times.sort_unstable();
        Ok(Self { pieces: Vec::new(), times, poisson_seed: None })
    }

    /// Makes the steps between arrivals exponential instead of even, as buyers that know nothing
    /// of each other arrive. Times from a CSV stay as they are.
    #[must_use]
    pub fn poisson(mut self, seed: u64) -> Self {
        self.poisson_seed = Some(seed);
        self
    }

    /// The arrivals, in order.
    #[must_use]
    pub fn iter(&self) -> Arrivals<'_> {
        Arrivals {
            schedule: self,
            piece: 0,
            piece_start_s: 0.0,
            area_before: 0.0,
            area: 0.0,
            next_time: 0,
            rng: self.poisson_seed.map(Xoshiro256PlusPlus::seed_from_u64),
        }
    }

    fn of(pieces: Vec<Piece>) -> Self {
        Self { pieces, times: Vec::new(), poisson_seed: None }
    }
}

/// The arrivals of a [`Schedule`].
#[derive(Debug)]
pub struct Arrivals<'a> {
    schedule: &'a Schedule,
    piece: usize,
    piece_start_s: f64,
    area_before: f64,
    area: f64,
    next_time: usize,
    rng: Option<Xoshiro256PlusPlus>,
}

impl Iterator for Arrivals<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if let Some(at) = self.schedule.times.get(self.next_time) {
            self.next_time += 1;
            return Some(*at);
        }
        let target = match &mut self.rng {
            None => self.area,
            // A step is drawn before each arrival, the first one too; 1 - u is never zero.
            Some(rng) => self.area - (1.0 - rng.random::<f64>()).ln(),
        };
        loop {
            let piece = self.schedule.pieces.get(self.piece)?;
            let inside = target - self.area_before;
            if inside < piece.area() {
                self.area = if self.rng.is_some() { target } else { target + 1.0 };
                let at_s = self.piece_start_s + piece.time_of(inside);
                return Duration::try_from_secs_f64(at_s).ok();
            }
            self.area_before += piece.area();
            self.piece_start_s += piece.length_s;
            self.piece += 1;
        }
    }
}

fn parse_rates(text: &str) -> Result<(f64, f64), String> {
    let (from, to) = text
        .split_once("..")
        .ok_or_else(|| format!("`{text}` is not FROM..TO, such as 10..500"))?;
    let (from, to) = (parse_number(from)?, parse_number(to)?);
    if from == 0.0 && to == 0.0 {
        return Err("a rate of zero all the time brings nobody".into());
    }
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(schedule: &Schedule, take: usize) -> Vec<f64> {
        schedule.iter().take(take).map(|at| (at.as_secs_f64() * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn constant_arrivals_are_even_and_as_many_as_asked() {
        let schedule = Schedule::constant(4.0, Some(Duration::from_secs(2)));
        assert_eq!(seconds(&schedule, 99), [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]);
        let endless = Schedule::constant(1_000.0, None);
        assert_eq!(endless.iter().nth(3_600_000), Some(Duration::from_secs(3_600)));
    }

    #[test]
    fn a_ramp_brings_the_area_under_it() {
        let ten_s = Duration::from_secs(10);
        let up = Schedule::ramp("0..200", ten_s).expect("a ramp");
        assert_eq!(up.iter().count(), 1_000);
        // Half of the buyers of a ramp from zero arrive in the last 29.3% of it.
        let half = up.iter().nth(500).expect("it has 1,000").as_secs_f64();
        assert!((half - 10.0 * 0.5_f64.sqrt()).abs() < 1e-6, "{half}");
        let down = Schedule::ramp("200..0", ten_s).expect("a ramp");
        assert_eq!(down.iter().count(), 1_000);
        let half = down.iter().nth(500).expect("it has 1,000").as_secs_f64();
        assert!((half - (10.0 - 10.0 * 0.5_f64.sqrt())).abs() < 1e-6, "{half}");
    }

    #[test]
    fn a_spike_has_its_peak_where_it_was_put() {
        let spike = Schedule::spike("10..1000@4s+2s", Duration::from_secs(10)).expect("a spike");
        let between = |from: u64, to: u64| {
            spike.iter().filter(|at| (from..to).contains(&at.as_secs())).count()
        };
        assert_eq!((between(0, 4), between(4, 6), between(6, 10)), (40, 2_000, 40));
        let in_order: Vec<_> = spike.iter().collect();
        assert!(in_order.is_sorted());
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_the_seed() {
        let schedule = Schedule::constant(1_000.0, Some(Duration::from_secs(100)));
        let random = schedule.clone().poisson(7);
        let times: Vec<_> = random.iter().collect();
        let count = times.len() as f64;
        // Five standard deviations of a Poisson count of 100,000.
        assert!((count - 100_000.0).abs() < 5.0 * 100_000_f64.sqrt(), "{count}");
        let gaps: Vec<_> = times.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        assert!(
            (variance.sqrt() / mean - 1.0).abs() < 0.05,
            "exponential steps vary by their mean"
        );
        assert_eq!(times, random.iter().collect::<Vec<_>>());
        assert_ne!(times, schedule.poisson(8).iter().collect::<Vec<_>>());
    }

    #[test]
    fn csv_times_are_sorted_and_faults_are_named() {
        let schedule = Schedule::csv("seconds,who\n1.5,ann\n# later\n0.25;bob\n\n").expect("csv");
        assert_eq!(seconds(&schedule, 9), [0.25, 1.5]);
        assert_eq!(Schedule::csv("1\nlunch\n"), Err("line 2: `lunch` is not a number".into()));
        assert!(Schedule::csv("seconds\n").is_err());
        assert!(Schedule::csv("1\n-1\n").is_err());
    }

    #[test]
    fn shapes_that_make_no_sense_are_refused() {
        let ten_s = Duration::from_secs(10);
        for text in ["100", "a..b", "0..0", "1..-1"] {
            assert!(Schedule::ramp(text, ten_s).is_err(), "{text}");
        }
        for text in ["1..2", "1..2@3s", "1..2@8s+3s", "1..2@x+1s"] {
            assert!(Schedule::spike(text, ten_s).is_err(), "{text}");
        }
    }
}
