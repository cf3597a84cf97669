//! The report: one HTML file that needs nothing else, with plots and the figures behind them.

use std::fmt::Write as _;

use super::svg::{Axis, Scale, Series, escape, lines, stack};
use super::table::{remarks, table};
use crate::meter::Step;
use crate::result::{RunResult, SecondResult};
use crate::units::{show_count, show_rate, show_us};

/// The most points of a plot over time; longer runs have several seconds to a point.
const POINTS_MAX: usize = 300;
/// Steps that are drawn as lines of their own; a plot with more says less.
const STEP_LINES_MAX: usize = 8;

const STYLE: &str = include_str!("style.css");

/// The report of a result.
#[must_use]
pub fn page(result: &RunResult) -> String {
    let title = format!("{} on show {}", result.workload, result.show_id);
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><style>{STYLE}",
        escape(&title)
    );
    for color in 0..8 {
        let _ = write!(
            html,
            ".line.c{color}{{stroke:var(--c{color})}}.area.c{color}{{fill:var(--c{color})}}\
             i.c{color}{{background:var(--c{color})}}"
        );
    }
    let _ = write!(html, "</style></head><body><h1>{}</h1>", escape(&title));
    head(&mut html, result);
    let points = resampled(result);
    section(&mut html, "Latency over time", LATENCY_NOTE, &latency_plot(&points));
    section(&mut html, "Quantiles by step", QUANTILES_NOTE, &quantile_plot(result));
    if result.sold > 0 {
        section(&mut html, "Tickets sold", SOLD_NOTE, &sold_plot(result, &points));
    }
    section(&mut html, "Answers by status, a second", ANSWERS_NOTE, &answers_plot(&points));
    if result.schedule.is_some() {
        section(&mut html, "Arrivals, a second", ARRIVALS_NOTE, &arrivals_plot(&points));
    }
    let _ = write!(html, "<h2>Figures</h2><pre>{}</pre>", escape(&table(result)));
    audits(&mut html, result);
    html + "</body></html>\n"
}

const LATENCY_NOTE: &str = "All requests that ended in that time, counted from the moment they \
    were wanted; the scale is logarithmic.";
const QUANTILES_NOTE: &str = "How long all but the slowest took: at 99% one request in a hundred \
    took longer. The scale is logarithmic.";
const SOLD_NOTE: &str = "Tickets that this run's buyers were given, added up.";
const ANSWERS_NOTE: &str = "Every HTTP answer, retries included. 409, 410 and 422 are the sale \
    saying no; “lost” was never answered.";
const ARRIVALS_NOTE: &str = "Buyers that began their journey.";

fn section(html: &mut String, title: &str, note: &str, plot: &str) {
    let _ = write!(html, "<h2>{title}</h2><p class=\"dim\">{note}</p>{plot}");
}

fn head(html: &mut String, result: &RunResult) {
    let begun = i64::try_from(result.started_us).ok();
    let begun = begun.and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    let begun =
        begun.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let generators = match result.generators {
        1 => String::new(),
        n => format!(" · {n} generators"),
    };
    let seeds: Vec<_> = result.seeds.iter().map(u64::to_string).collect();
    let _ = write!(
        html,
        "<p class=\"dim\">{begun} · {:.1} s · seed {}{generators}</p>",
        result.seconds,
        seeds.join(", ")
    );
    for setting in &result.settings {
        let _ = write!(html, "<p class=\"dim\">{}</p>", escape(setting));
    }
    let counts = result.counts();
    let rate = result.all.count() as f64 / result.seconds.max(1e-9);
    let errors = counts.failed as f64 / (result.all.count() as f64).max(1.0) * 100.0;
    let good_or_bad = |good: bool| if good { "good" } else { "bad" };
    html.push_str("<div class=\"cards\">");
    let mut card = |value: &str, what: &str, class: &str| {
        let value = escape(value);
        let _ = write!(
            html,
            "<div class=\"card\"><b class=\"{class}\">{value}</b><span>{what}</span></div>"
        );
    };
    card(&format!("{} / {}", show_count(result.sold), show_count(result.capacity)), "sold", "");
    card(&format!("{}/s", show_rate(rate)), "requests", "");
    card(&show_us(result.all.quantile_us(0.5)), "p50 of all requests", "");
    card(&show_us(result.all.quantile_us(0.99)), "p99 of all requests", "");
    card(&format!("{errors:.3}%"), "errors", good_or_bad(counts.failed == 0));
    if !result.audits.is_empty() {
        let (word, good) = if result.is_clean() { ("clean", true) } else { ("violated", false) };
        card(word, "audit", good_or_bad(good));
    }
    if !result.slo.is_empty() {
        let met = result.slo.iter().filter(|outcome| outcome.met).count();
        let all = result.slo.len();
        card(&format!("{met} of {all}"), "objectives met", good_or_bad(met == all));
    }
    if let Some(schedule) = &result.schedule {
        let word = if schedule.kept { "kept" } else { "not kept" };
        card(word, "the generator's schedule", good_or_bad(schedule.kept));
    }
    html.push_str("</div>");
}

fn audits(html: &mut String, result: &RunResult) {
    for audit in &result.audits {
        let _ =
            write!(html, "<h2>Audit</h2><pre class=\"text\">{}</pre>", escape(&audit.to_string()));
    }
    let later = remarks(result).into_iter().filter(|line| line.starts_with("slo "));
    let later: Vec<_> = later.collect();
    if !later.is_empty() {
        let _ = write!(html, "<h2>Objectives</h2><pre>{}</pre>", escape(&later.join("\n")));
    }
}

/// A point of a plot over time: where it is, how long it lasted, and what happened in it.
struct Point {
    at_s: f64,
    length_s: f64,
    second: SecondResult,
}

fn resampled(result: &RunResult) -> Vec<Point> {
    let size = result.timeline.len().div_ceil(POINTS_MAX).max(1);
    let chunks = result.timeline.chunks(size).enumerate();
    let point = |(index, chunk): (usize, &[SecondResult])| {
        let mut second = SecondResult::empty();
        for one in chunk {
            second.absorb(one);
        }
        let begin_s = (index * size) as f64;
        // The last second of a run is rarely whole, and its rates must not look like a fall.
        let length_s = (chunk.len() as f64).min(result.seconds - begin_s);
        Point { at_s: begin_s, length_s: length_s.max(0.05), second }
    };
    let points: Vec<_> = chunks.map(point).collect();
    let whole = points.len() > 1 && points.last().is_some_and(|last| last.length_s < 0.2);
    let keep = points.len() - usize::from(whole);
    points.into_iter().take(keep).collect()
}

fn time_axis() -> Axis {
    let show = |at_s: f64| format!("{at_s:.0} s");
    Axis { label: "time since the beginning".into(), scale: Scale::Linear, marks: Vec::new(), show }
}

fn latency_axis() -> Axis {
    let show = |us: f64| match us as u64 {
        us @ (1 | 10 | 100) => format!("{us} µs"),
        us @ (1_000 | 10_000 | 100_000) => format!("{} ms", us / 1_000),
        us if us >= 1_000_000 && us.is_multiple_of(1_000_000) => format!("{} s", us / 1_000_000),
        us => show_us(us),
    };
    Axis { label: String::new(), scale: Scale::Log, marks: Vec::new(), show }
}

fn rate_axis() -> Axis {
    let show = |value: f64| match value {
        whole if whole.fract() == 0.0 => show_count(whole as u64),
        other => show_rate(other),
    };
    Axis { label: String::new(), scale: Scale::Linear, marks: Vec::new(), show }
}

fn latency_plot(points: &[Point]) -> String {
    let busy: Vec<_> = points.iter().filter(|point| point.second.latency.count() > 0).collect();
    let line = |name: &str, share: f64, color, faint| {
        let at =
            |point: &&Point| (point.at_s, point.second.latency.quantile_us(share).max(1) as f64);
        Series { name: name.into(), points: busy.iter().map(at).collect(), color, faint }
    };
    let series =
        [line("max", 1.0, 7, true), line("p99", 0.99, 1, false), line("p50", 0.5, 0, false)];
    lines(&time_axis(), &latency_axis(), &series)
}

fn quantile_plot(result: &RunResult) -> String {
    let shares = [0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999];
    let marked = [(0.5, "50%"), (0.9, "90%"), (0.99, "99%"), (0.999, "99.9%"), (0.9999, "99.99%")];
    // By how many nines: 90% is at one, 99% at two.
    let nines = |share: f64| -(1.0 - share).log10();
    let x = Axis {
        label: "share of requests".into(),
        scale: Scale::Linear,
        marks: marked.map(|(share, text)| (nines(share), text.into())).into(),
        show: |nines| format!("{}%", (1e4 * (100.0 - 100.0 * 10_f64.powf(-nines))).round() / 1e4),
    };
    let mut steps: Vec<_> =
        Step::ALL.iter().filter_map(|step| Some((*step, result.steps.get(step)?))).collect();
    steps.sort_by_key(|(_, of)| std::cmp::Reverse(of.latency.count()));
    steps.truncate(STEP_LINES_MAX);
    steps.sort_by_key(|(step, _)| *step);
    let series = steps.iter().enumerate().map(|(color, (step, of))| {
        // Quantiles beyond what so many requests can show are left out.
        let shown =
            |share: &&f64| **share <= 0.5 || of.latency.count() as f64 * (1.0 - **share) >= 1.0;
        let at = |share: &f64| (nines(*share), of.latency.quantile_us(*share).max(1) as f64);
        let points = shares.iter().filter(shown).map(at).collect();
        Series { name: step.name().into(), points, color, faint: !step.is_request() }
    });
    lines(&x, &latency_axis(), &series.collect::<Vec<_>>())
}

fn sold_plot(result: &RunResult, points: &[Point]) -> String {
    let mut sum = 0;
    let mut sold = vec![(0.0, 0.0)];
    for point in points {
        sum += point.second.sold;
        sold.push((point.at_s + point.length_s, sum as f64));
    }
    if let Some(last) = sold.last_mut() {
        last.1 = result.sold as f64;
    }
    let series =
        |name: &str, points, color, faint| Series { name: name.into(), points, color, faint };
    let end_s = sold.last().map_or(1.0, |point| point.0);
    let capacity = result.capacity as f64;
    let all = [
        series("capacity", vec![(0.0, capacity), (end_s, capacity)], 7, true),
        series("sold", sold, 2, false),
    ];
    lines(&time_axis(), &rate_axis(), &all)
}

fn answers_plot(points: &[Point]) -> String {
    type Class = (&'static str, usize, fn(u16) -> bool);
    let classes: [Class; 7] = [
        ("2xx", 2, |status| (200..300).contains(&status)),
        ("304 not changed", 0, |status| status == 304),
        ("409, 410, 422, 402", 4, |status| matches!(status, 402 | 409 | 410 | 422)),
        ("429 and 503 (later, please)", 6, |status| matches!(status, 429 | 503)),
        ("other 4xx", 3, |status| {
            (400..500).contains(&status) && !matches!(status, 402 | 409 | 410 | 422 | 429)
        }),
        ("other 5xx", 1, |status| status >= 500 && status != 503),
        ("lost", 7, |status| status == 0),
    ];
    let layer = |(name, color, is): &Class| {
        let rate = |point: &Point| {
            let answers = point.second.answers.iter().filter(|(status, _)| is(**status));
            (point.at_s, answers.map(|(_, count)| *count).sum::<u64>() as f64 / point.length_s)
        };
        let points: Vec<_> = points.iter().map(rate).collect();
        Series { name: (*name).into(), points, color: *color, faint: false }
    };
    let layers = classes.iter().map(layer);
    let layers: Vec<_> =
        layers.filter(|layer| layer.points.iter().any(|point| point.1 > 0.0)).collect();
    stack(&time_axis(), &rate_axis(), &layers)
}

fn arrivals_plot(points: &[Point]) -> String {
    let rate = |point: &Point| (point.at_s, point.second.arrivals as f64 / point.length_s);
    let points = points.iter().map(rate).collect();
    let series = [Series { name: "arrivals".into(), points, color: 0, faint: false }];
    lines(&time_axis(), &rate_axis(), &series)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::tests::result;

    #[test]
    fn a_page_stands_alone_and_has_its_plots() {
        let mut result = result(1, &[1, 2, 3], 4);
        result.settings.push("<script>alert(1)</script>".into());
        let page = page(&result);
        for want in ["Latency over time", "Quantiles by step", "Tickets sold", "Answers by status"]
        {
            assert!(page.contains(want), "{want}");
        }
        assert_eq!(page.matches("<svg").count(), 5);
        assert!(!page.contains("<script"), "text from outside is escaped");
        assert!(!page.contains("http://") && !page.contains("https://"), "nothing is fetched");
        assert!(!page.contains("NaN"));
    }

    #[test]
    fn an_hour_has_no_more_points_than_a_plot_can_show() {
        let mut result = result(1, &[1], 4);
        result.timeline = vec![result.timeline[0].clone(); 3_600];
        result.seconds = 3_600.0;
        let points = resampled(&result);
        assert_eq!(points.len(), POINTS_MAX);
        assert_eq!(points.iter().map(|point| point.second.sold).sum::<u64>(), 4 * 3_600);
    }
}
