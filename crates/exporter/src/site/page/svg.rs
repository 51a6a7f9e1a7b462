//! Charts as SVG: areas, lines and strips. A chart is stretched to the width of the page, so it contains no text.

use maud::{Markup, html};
use std::fmt::Write as _;

/// The values of a layer, by bucket from left to right.
pub(crate) type Values = Vec<Option<f64>>;

/// The common frame of the charts of a page.
#[derive(Default)]
pub(crate) struct Frame {
    /// Number of buckets from left to right.
    pub(crate) buckets: usize,
    /// Buckets in which Kamailio did not respond, as starts and lengths.
    pub(crate) outages: Vec<(usize, usize)>,
    /// The restarts, as positions in buckets.
    pub(crate) restarts: Vec<f64>,
}

/// A layer to draw.
pub(crate) struct Layer<'v> {
    /// The class that gives the colour.
    pub(crate) class: &'static str,
    pub(crate) values: &'v Values,
    /// Whether to draw a line only, which is not part of a stack.
    pub(crate) line: bool,
}

/// Draws layers on top of each other, up to the value `top`, with the limit as a dashed line. A single layer has a line along
/// its edge.
pub(crate) fn areas(
    frame: &Frame,
    layers: &[Layer<'_>],
    top: f64,
    limit: Option<f64>,
    description: &str,
) -> Markup {
    let width = frame.buckets * 2;
    let mut base = vec![None; frame.buckets];
    let is_stack = layers.iter().filter(|layer| !layer.line).count() > 1;
    html! {
        svg.chart viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(description) {
            @for (start, length) in &frame.outages {
                rect.outage x=(start * 2) y="0" width=(length * 2) height=(HEIGHT) {}
            }
            line.grid x1="0" x2=(width) y1=(y(top / 2.0, top)) y2=(y(top / 2.0, top)) {}
            @for layer in layers {
                @if layer.line {
                    path class=(format!("{} line thin", layer.class)) d=(line(layer.values, top)) {}
                } @else {
                    @let upper = stacked(&base, layer.values);
                    path class=(format!("{} area{}", layer.class, if is_stack { "" } else { " soft" })) d=(area(&base, &upper, top)) {}
                    @if !is_stack { path class=(format!("{} line", layer.class)) d=(line(&upper, top)) {} }
                    @let () = base = upper;
                }
            }
            @if let Some(limit) = limit { line.limit x1="0" x2=(width) y1=(y(limit, top)) y2=(y(limit, top)) {} }
            @for restart in &frame.restarts {
                line.restart x1=(format!("{:.1}", restart * 2.0)) x2=(format!("{:.1}", restart * 2.0)) y1="0" y2=(HEIGHT) {}
            }
        }
    }
}

/// Draws runs of classes one after the other.
pub(crate) fn strip(runs: &[(&'static str, usize)], description: &str) -> Markup {
    let buckets: usize = runs.iter().map(|(_, length)| length).sum();
    let mut start = 0;
    html! {
        svg.strip viewBox=(format!("0 0 {buckets} 1")) preserveAspectRatio="none" role="img" aria-label=(description) {
            @for (class, length) in runs {
                @if !class.is_empty() { rect class=(class) x=(start) y="0" width=(length) height="1" {} }
                @let () = start += length;
            }
        }
    }
}

/// Returns the runs of equal values: each value with its number.
pub(crate) fn runs<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<(T, usize)> {
    let mut runs: Vec<(T, usize)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((last, length)) if *last == value => *length += 1,
            _ => runs.push((value, 1)),
        }
    }
    runs
}

/// Adds a layer to those below it. Where one of them has a value, one that lacks it counts as 0.
pub(crate) fn stacked(base: &Values, values: &Values) -> Values {
    let sum = |(base, value): (&Option<f64>, &Option<f64>)| match (base, value) {
        (None, None) => None,
        (base, value) => Some(base.unwrap_or(0.0) + value.unwrap_or(0.0)),
    };
    base.iter().zip(values).map(sum).collect()
}

/// Returns the outline of the area between two layers, in one part for each run of buckets with values.
fn area(lower: &Values, upper: &Values, top: f64) -> String {
    let mut path = String::new();
    for (start, end) in parts(upper) {
        edge(&mut path, upper, start..end, top, false);
        edge(&mut path, lower, start..end, top, true);
        path.push('Z');
    }
    path
}

/// Returns the line along the values, in one part for each run of buckets with values.
fn line(values: &Values, top: f64) -> String {
    let mut path = String::new();
    for (start, end) in parts(values) {
        edge(&mut path, values, start..end, top, false);
    }
    path
}

/// Appends the points of some buckets, from left to right or back. The first and the last value reach to the edges of their
/// buckets, so that a single one is visible.
fn edge(path: &mut String, values: &Values, buckets: std::ops::Range<usize>, top: f64, back: bool) {
    let at = |bucket: usize| y(values.get(bucket).copied().flatten().unwrap_or(0.0), top);
    let (first, last) = (buckets.start, buckets.end - 1);
    let mut points = vec![(first * 2, at(first))];
    points.extend(buckets.map(|bucket| (bucket * 2 + 1, at(bucket))));
    points.push((last * 2 + 2, at(last)));
    // A straight line needs its ends only.
    let mut kept: Vec<(usize, u32)> = Vec::with_capacity(points.len());
    for (index, point) in points.iter().enumerate() {
        let is_inside = kept.last().is_some_and(|before| before.1 == point.1)
            && points.get(index + 1).is_some_and(|after| after.1 == point.1);
        if !is_inside {
            kept.push(*point);
        }
    }
    if back {
        kept.reverse();
    }
    for (index, (x, y)) in kept.iter().enumerate() {
        let command = if index == 0 && !back { 'M' } else { 'L' };
        let _ = write!(path, "{command}{x} {y}");
    }
}

/// Returns the runs of buckets that have a value, as starts and ends.
fn parts(values: &Values) -> Vec<(usize, usize)> {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for (bucket, _) in values.iter().enumerate().filter(|(_, value)| value.is_some()) {
        match parts.last_mut() {
            Some((_, end)) if *end == bucket => *end += 1,
            _ => parts.push((bucket, bucket + 1)),
        }
    }
    parts
}

/// Returns the height of a value below the top of the chart.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the chart")]
fn y(value: f64, top: f64) -> u32 {
    let share = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
    HEIGHT - (share * f64::from(HEIGHT)).round() as u32
}

/// Height of a chart in its own units, which are stretched.
const HEIGHT: u32 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { buckets: 4, outages: Vec::new(), restarts: Vec::new() };

    #[test]
    fn a_gap_divides_an_area_and_a_single_value_is_visible() {
        let values = vec![Some(1.0), None, Some(2.0), Some(1.0)];
        assert_eq!(line(&values, 2.0), "M0 200L2 200M4 0L5 0L7 200L8 200");
        let base = vec![None; 4];
        assert_eq!(area(&base, &values, 2.0), "M0 200L2 200L2 400L0 400ZM4 0L5 0L7 200L8 200L8 400L4 400Z");
        assert_eq!(line(&vec![None; 4], 2.0), "");
    }

    #[test]
    fn layers_are_stacked_and_non_finite_values_stay_inside_the_chart() {
        let (lower, upper) = (vec![Some(1.0), Some(1.0), None, None], vec![Some(1.0), None, Some(3.0), None]);
        assert_eq!(stacked(&lower, &upper), [Some(2.0), Some(1.0), Some(3.0), None]);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0, 1e300] {
            for top in [0.0, 1.0, f64::NAN, f64::INFINITY] {
                assert!(y(value, top) <= HEIGHT);
            }
        }
    }

    #[test]
    fn a_chart_has_a_description_and_marks() {
        let frame = Frame { outages: vec![(1, 2)], restarts: vec![2.5], ..FRAME };
        let values = vec![Some(1.0); 4];
        let layer = Layer { class: "c1", values: &values, line: false };
        let svg = areas(&frame, &[layer], 2.0, Some(1.5), "a \"chart\"").into_string();
        for part in [
            "aria-label=\"a &quot;chart&quot;\"",
            "<rect class=\"outage\" x=\"2\" y=\"0\" width=\"4\" height=\"400\"></rect>",
            "<line class=\"limit\" x1=\"0\" x2=\"8\" y1=\"100\" y2=\"100\"></line>",
            "<line class=\"restart\" x1=\"5.0\"",
            "d=\"M0 200L8 200\"",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn a_strip_has_a_rectangle_for_each_run() {
        let runs = runs(["ok", "ok", "bad", "", "ok"]);
        assert_eq!(runs, [("ok", 2), ("bad", 1), ("", 1), ("ok", 1)]);
        let svg = strip(&runs, "x").into_string();
        assert_eq!(svg.matches("<rect").count(), 3, "{svg}");
        assert!(svg.contains("<rect class=\"ok\" x=\"4\" y=\"0\" width=\"1\""), "{svg}");
    }
}
