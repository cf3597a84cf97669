//! Plots as inline SVG: lines and stacked areas on linear or logarithmic axes.
//!
//! Small on purpose. Colours are classes, so that the page decides on light or dark; figures are
//! rounded to a tenth of a pixel, so that a page of an hour's run stays small.

use std::fmt::Write as _;

/// Width of a plot in its own units; the page scales it.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;

/// How an axis maps values to places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// From zero.
    Linear,
    /// By powers of ten.
    Log,
}

/// One axis.
pub(super) struct Axis {
    /// What it shows, with its unit.
    pub(super) label: String,
    /// How.
    pub(super) scale: Scale,
    /// Places to mark, with their texts; chosen by the plot where empty.
    pub(super) marks: Vec<(f64, String)>,
    /// A value as text, for marks and hints.
    pub(super) show: fn(f64) -> String,
}

/// One line, or one layer of a stack.
pub(super) struct Series {
    /// In the legend.
    pub(super) name: String,
    /// Points from left to right.
    pub(super) points: Vec<(f64, f64)>,
    /// Which of the page's colours.
    pub(super) color: usize,
    /// Drawn thin and pale: context, not the message.
    pub(super) faint: bool,
}

/// A plot of lines.
pub(super) fn lines(x: &Axis, y: &Axis, series: &[Series]) -> String {
    let frame = Frame::around(x, y, series);
    let mut svg = frame.open();
    for series in series {
        let mut path = String::new();
        for (index, (at, value)) in series.points.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", frame.x.place(*at), frame.y.place(*value));
        }
        let faint = if series.faint { " faint" } else { "" };
        let _ = write!(svg, "<path class=\"line c{}{faint}\" d=\"{path}\"/>", series.color);
    }
    frame.hints(&mut svg, series);
    svg.push_str("</svg>");
    svg + &legend(series)
}

/// A plot of layers on top of each other; all series have the same places.
pub(super) fn stack(x: &Axis, y: &Axis, series: &[Series]) -> String {
    let mut floor: Vec<f64> = Vec::new();
    let mut tops: Vec<Series> = Vec::new();
    for one in series {
        floor.resize(one.points.len(), 0.0);
        let points = one.points.iter().zip(&mut floor).map(|((at, value), floor)| {
            *floor += value;
            (*at, *floor)
        });
        let (name, color) = (one.name.clone(), one.color);
        tops.push(Series { name, points: points.collect(), color, faint: false });
    }
    let frame = Frame::around(x, y, &tops);
    let mut svg = frame.open();
    // From the top layer down, each area painted over by the one below it.
    for top in tops.iter().rev() {
        let (Some(first), Some(last)) = (top.points.first(), top.points.last()) else { continue };
        let ground = frame.y.place(0.0);
        let mut path = format!("M{:.1} {ground:.1}", frame.x.place(first.0));
        for (at, value) in &top.points {
            let _ = write!(path, "L{:.1} {:.1}", frame.x.place(*at), frame.y.place(*value));
        }
        let _ = write!(path, "L{:.1} {ground:.1}Z", frame.x.place(last.0));
        let _ = write!(svg, "<path class=\"area c{}\" d=\"{path}\"/>", top.color);
    }
    frame.hints(&mut svg, series);
    svg.push_str("</svg>");
    svg + &legend(series)
}

/// Text as it may stand in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

fn legend(series: &[Series]) -> String {
    let mut html = String::from("<p class=\"legend\">");
    for one in series {
        let name = escape(&one.name);
        let _ = write!(html, "<span><i class=\"c{}\"></i>{name}</span>", one.color);
    }
    html + "</p>"
}

/// Maps values to places along one axis.
struct Ruler {
    scale: Scale,
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Ruler {
    fn place(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Log => (value.max(self.from) / self.from).ln() / (self.to / self.from).ln(),
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }
}

struct Frame<'a> {
    x: Ruler,
    y: Ruler,
    x_axis: &'a Axis,
    y_axis: &'a Axis,
}

impl<'a> Frame<'a> {
    fn around(x_axis: &'a Axis, y_axis: &'a Axis, series: &[Series]) -> Self {
        let all = || series.iter().flat_map(|series| &series.points);
        let (x_from, x_to) = bounds(x_axis, all().map(|point| point.0), false);
        let (y_from, y_to) = bounds(y_axis, all().map(|point| point.1), true);
        let (left, right) = (LEFT, WIDTH - RIGHT);
        let (top, bottom) = (TOP, HEIGHT - BOTTOM);
        let x = Ruler { scale: x_axis.scale, from: x_from, to: x_to, start: left, end: right };
        let y = Ruler { scale: y_axis.scale, from: y_from, to: y_to, start: bottom, end: top };
        Self { x, y, x_axis, y_axis }
    }

    fn open(&self) -> String {
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for (value, text) in marks(self.y_axis, &self.y) {
            let y = self.y.place(value);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                escape(&text)
            );
        }
        for (value, text) in marks(self.x_axis, &self.x) {
            let x = self.x.place(value);
            // A text at the right edge would be cut where it stands in the middle of its mark.
            let anchor = if x > WIDTH - RIGHT - 12.0 { "end" } else { "middle" };
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {bottom}v4\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                bottom + 17.0,
                escape(&text)
            );
        }
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{LEFT} {bottom}H{right}\"/>\
             <text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            (LEFT + right) / 2.0,
            HEIGHT - 4.0,
            escape(&self.x_axis.label)
        );
        svg
    }

    /// Invisible columns that say the figures at their place when pointed at.
    fn hints(&self, svg: &mut String, series: &[Series]) {
        let Some(longest) = series.iter().max_by_key(|series| series.points.len()) else { return };
        let places: Vec<_> = longest.points.iter().map(|point| self.x.place(point.0)).collect();
        for (index, (at, _)) in longest.points.iter().enumerate() {
            let before = index.checked_sub(1).map_or(LEFT, |n| (places[n] + places[index]) / 2.0);
            let after = places.get(index + 1).map_or(WIDTH - RIGHT, |n| (n + places[index]) / 2.0);
            let mut text = (self.x_axis.show)(*at);
            for one in series {
                let value = one.points.iter().find(|point| point.0 == *at);
                if let Some((_, value)) = value {
                    let _ = write!(text, "\n{}: {}", one.name, (self.y_axis.show)(*value));
                }
            }
            let _ = write!(
                svg,
                "<rect class=\"hint\" x=\"{before:.1}\" y=\"{TOP}\" width=\"{:.1}\" \
                 height=\"{:.1}\"><title>{}</title></rect>",
                (after - before).max(0.1),
                HEIGHT - BOTTOM - TOP,
                escape(&text)
            );
        }
    }
}

fn bounds(axis: &Axis, values: impl Iterator<Item = f64>, is_y: bool) -> (f64, f64) {
    let values: Vec<_> = values.filter(|value| value.is_finite()).collect();
    let most = values.iter().copied().fold(f64::MIN, f64::max);
    let least = values.iter().copied().fold(f64::MAX, f64::min);
    if values.is_empty() {
        return (1.0, 10.0);
    }
    match axis.scale {
        Scale::Log => {
            let from = 10_f64.powf(least.max(1.0).log10().floor());
            let to = 10_f64.powf(most.max(1.0).log10().ceil()).max(from * 10.0);
            (from, to)
        }
        Scale::Linear if is_y => (0.0, if most > 0.0 { most * 1.05 } else { 1.0 }),
        Scale::Linear => (least, if most > least { most } else { least + 1.0 }),
    }
}

fn marks(axis: &Axis, ruler: &Ruler) -> Vec<(f64, String)> {
    if !axis.marks.is_empty() {
        let shown = |mark: &&(f64, String)| mark.0 <= ruler.to * 1.000_1;
        return axis.marks.iter().filter(shown).cloned().collect();
    }
    let mut marks = Vec::new();
    match axis.scale {
        Scale::Log => {
            let mut value = ruler.from;
            while value <= ruler.to * 1.001 {
                marks.push((value, (axis.show)(value)));
                value *= 10.0;
            }
        }
        Scale::Linear => {
            let step = round_step((ruler.to - ruler.from) / 6.0);
            let mut value = (ruler.from / step).ceil() * step;
            while value <= ruler.to {
                marks.push((value, (axis.show)(value)));
                value += step;
            }
        }
    }
    marks
}

/// The next of 1, 2, 5, 10, 20, … that is not below.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= step * 0.999);
    digit.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: Scale) -> Axis {
        Axis { label: "l".into(), scale, marks: Vec::new(), show: |value| format!("{value:.0}") }
    }

    fn series(points: &[(f64, f64)]) -> Series {
        Series { name: "a<b".into(), points: points.into(), color: 1, faint: false }
    }

    #[test]
    fn steps_are_round() {
        let got = [0.9, 1.1, 3.0, 6.0, 40.0, 0.03].map(round_step);
        for (got, want) in got.into_iter().zip([1.0, 2.0, 5.0, 10.0, 50.0, 0.05]) {
            assert!((got - want).abs() < 1e-9, "{got} not {want}");
        }
    }

    #[test]
    fn lines_go_where_the_values_are() {
        let svg = lines(
            &axis(Scale::Linear),
            &axis(Scale::Log),
            &[series(&[(0.0, 10.0), (10.0, 1_000.0)])],
        );
        let bottom = HEIGHT - BOTTOM;
        let want = format!("d=\"M{LEFT:.1} {bottom:.1}L{:.1} {TOP:.1}\"", WIDTH - RIGHT);
        assert!(svg.contains(&want), "{want} in {svg}");
        assert!(svg.contains(">100<"), "powers of ten are marked");
        assert!(svg.contains("a&lt;b") && !svg.contains("a<b"), "names are escaped");
    }

    #[test]
    fn layers_stand_on_each_other() {
        let one = [(0.0, 1.0), (1.0, 1.0)];
        let svg = stack(&axis(Scale::Linear), &axis(Scale::Linear), &[series(&one), series(&one)]);
        let y = |value: f64| {
            let share = value / (2.0 * 1.05);
            HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
        };
        for top in [1.0, 2.0] {
            let want = format!("L{LEFT:.1} {:.1}", y(top));
            assert!(svg.contains(&want), "{want} in {svg}");
        }
    }

    #[test]
    fn nothing_measured_is_an_empty_plot_and_no_rubbish() {
        for scale in [Scale::Linear, Scale::Log] {
            for points in [&[][..], &[(5.0, 0.0)][..]] {
                let svg = lines(&axis(Scale::Linear), &axis(scale), &[series(points)]);
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }
}
