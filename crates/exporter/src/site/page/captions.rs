//! The lines under the titles of charts.

use super::series::Rows;
use super::svg::Values;
use super::text::{bytes, count, duration, number, percent};

pub(super) fn shared_memory(rows: &Rows<'_>) -> String {
    let (Some(used), Some(size)) = (rows.now("shared_memory_used"), rows.now("shared_memory_size")) else {
        return String::new();
    };
    let ((used_text, used_unit), (size_text, size_unit)) = (bytes(used), bytes(size));
    let unit = if used_unit == size_unit { String::new() } else { format!(" {used_unit}") };
    let mut parts = vec![Some(format!("{used_text}{unit} of {size_text} {size_unit}"))];
    let peak = rows.now("shared_memory_peak").filter(|_| size > 0.0);
    parts.push(peak.map(|peak| format!("peak {}%", percent(peak / size))));
    let full = rows.row("shared_memory_used").and_then(|row| seconds_until(&row.values, size, rows.step));
    parts.push(full.map(|seconds| format!("full in {}", duration(seconds))));
    join(parts)
}

/// Returns after how many seconds the values, which are `step` seconds apart, reach the limit if they go on growing as they
/// have for half an hour or more; `None` if that is not within a day.
fn seconds_until(values: &Values, limit: f64, step: f64) -> Option<f64> {
    let known: Vec<(f64, f64)> =
        values.iter().enumerate().filter_map(|(bucket, value)| Some((bucket as f64, (*value)?))).collect();
    if (known.len() as f64) * step < MIN_TREND {
        return None;
    }
    let count = known.len() as f64;
    let (mean_x, mean_y) =
        known.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (covariance, variance) = known.iter().fold((0.0, 0.0), |(covariance, variance), (x, y)| {
        (covariance + (x - mean_x) * (y - mean_y), variance + (x - mean_x) * (x - mean_x))
    });
    let slope = covariance / variance;
    let (_, last) = known.last()?;
    let seconds = (limit - last) / slope * step;
    (slope > 0.0 && (0.0..86_400.0).contains(&seconds)).then_some(seconds)
}

pub(super) fn connections(rows: &Rows<'_>, open: &str, max: &str, queue: &str) -> String {
    let connections = match (rows.now(open), rows.now(max)) {
        (Some(open), Some(max)) => format!("{} of {} connections", number(open), number(max)),
        (Some(open), None) => count(open as usize, "connection"),
        _ => String::new(),
    };
    let queued = rows.now(queue).filter(|bytes| *bytes > 0.0).map(|queued| {
        let (text, unit) = bytes(queued);
        format!("{text} {unit} queued")
    });
    join(vec![Some(connections), queued])
}

pub(super) fn join(parts: Vec<Option<String>>) -> String {
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Seconds after which a trend can be seen.
const MIN_TREND: f64 = 1800.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_has_a_time_at_which_it_is_full() {
        let growing: Values = (0..60).map(|minute| Some(100.0 + f64::from(minute))).collect();
        assert_eq!(seconds_until(&growing, 219.0, 60.0).map(f64::round), Some(3600.0));
        assert_eq!(seconds_until(&growing, 1e9, 60.0), None, "not within a day");
        let steady: Values = vec![Some(5.0); 60];
        assert_eq!(seconds_until(&steady, 100.0, 60.0), None);
        let short: Values = growing[..20].to_vec();
        assert_eq!(seconds_until(&short, 219.0, 60.0), None);
    }
}
