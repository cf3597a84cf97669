//! What is seen while a run goes on: a bar on a terminal, now and then a line elsewhere.

use std::io::IsTerminal as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::meter::{Measured, Second};
use crate::units::{show_count, show_rate, show_us};
use crate::world::World;

/// How often the bar is drawn, and the record is given to the operating system.
const EVERY: Duration = Duration::from_millis(250);
/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Of what the bar shows the share that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Tickets, of this many.
    Sold(u64),
    /// Time, of this much.
    Elapsed(Duration),
    /// Buyers, of this many.
    Buyers(u64),
    /// It ends when it ends.
    None,
}

/// Shows how the run goes until its task is aborted.
pub async fn show(world: Rc<World>, goal: Goal, quiet: bool) {
    let bar =
        if quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { bar(goal) };
    let has_lines = !quiet && bar.is_hidden();
    let mut last_line = Instant::now();
    loop {
        tokio::time::sleep(EVERY).await;
        world.recorder.flush();
        let (done, text) =
            world.meter.with(|measured| (done(&world, measured, goal), line(measured)));
        bar.set_position(done);
        bar.set_message(text.clone());
        if has_lines && last_line.elapsed() >= LINE_EVERY {
            last_line = Instant::now();
            eprintln!("{:>5.0} s  {text}", world.meter.elapsed().as_secs_f64());
        }
    }
}

fn bar(goal: Goal) -> ProgressBar {
    let (length, template) = match goal {
        Goal::Sold(of) | Goal::Buyers(of) => {
            (of, "{elapsed:>4} {bar:30} {human_pos}/{human_len}  {msg}")
        }
        Goal::Elapsed(of) => (of.as_secs(), "{elapsed:>4} {bar:30} {pos}/{len} s  {msg}"),
        Goal::None => (0, "{elapsed:>4} {spinner}  {msg}"),
    };
    let style = ProgressStyle::with_template(template).expect("the templates are right");
    ProgressBar::new(length).with_style(style.progress_chars("━╸─"))
}

fn done(world: &World, measured: &Measured, goal: Goal) -> u64 {
    match goal {
        Goal::Sold(_) => measured.sold,
        Goal::Buyers(_) => measured.journeys.values().sum(),
        Goal::Elapsed(_) | Goal::None => world.meter.elapsed().as_secs(),
    }
}

/// The last whole second, or the first one as far as it went.
fn line(measured: &Measured) -> String {
    let last = match measured.seconds.as_slice() {
        [.., whole, _] => whole,
        [only] => only,
        [] => return "starting".into(),
    };
    let Second { latency, answers, .. } = last;
    let lost: u64 = answers.iter().filter(|(s, _)| **s == 0 || **s >= 500).map(|(_, n)| n).sum();
    let failed: u64 = measured.steps.values().map(|step| step.failed).sum();
    let mut text = format!(
        "{}/s  p50 {}  p99 {}  sold {}",
        show_rate(latency.len() as f64),
        show_us(latency.value_at_quantile(0.5)),
        show_us(latency.value_at_quantile(0.99)),
        show_count(measured.sold)
    );
    if lost + failed > 0 {
        let failed = show_count(failed);
        text.push_str(&format!("  5xx or lost {}/s, failed {failed}", show_count(lost)));
    }
    text
}
