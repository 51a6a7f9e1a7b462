use crate::support::{Exporter, eventually};
use serde_json::Value as Json;
use std::time::{Duration, Instant};
use testbed::{Kamailio, Prometheus};

fn status(exporter: &Exporter) -> Json {
    let answer = exporter.get("/-/status");
    assert_eq!(answer.status, 200);
    serde_json::from_slice(&answer.body).unwrap()
}

/// Returns the values that the page shows, each with its query: those of the charts and of their series.
fn shown(status: &Json) -> Vec<(String, String, f64)> {
    let rows = ["charts", "series"].into_iter().flat_map(|list| status[list].as_array().unwrap());
    let text = |row: &Json, name: &str| row[name].as_str().unwrap().to_owned();
    rows.map(|row| (text(row, "key"), text(row, "promql"), row["value"].as_f64().unwrap_or(f64::NAN)))
        .collect()
}

#[test]
fn every_chart_has_the_value_that_prometheus_gives() {
    let kamailio = Kamailio::start();
    let _traffic = kamailio.background_traffic();
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-m", "auto,dlg.stats_active"]);
    let prometheus = Prometheus::start(&[exporter.address()], Duration::from_secs(1));
    // The page takes the mean of two minutes, or of the part of them that it has seen. Prometheus takes the whole range.
    std::thread::sleep(Duration::from_secs(45));
    let value = |promql: &str| prometheus.query(promql)[0]["value"][1].as_str()?.parse::<f64>().ok();
    eventually(|| {
        let before = status(&exporter);
        let shown = shown(&before);
        let keys: Vec<_> = shown.iter().map(|(key, ..)| key.as_str()).collect();
        for key in
            ["requests", "replies", "dialogs", "transactions", "shared_memory", "private_memory", "tcp"]
        {
            assert!(keys.contains(&key), "{key}: {keys:?}");
        }
        for (key, promql, value_shown) in &shown {
            let query = promql.replace("[2m]", "[40s]");
            let Some(expected) = value(&query) else { return Err(format!("{key}: {query} has no result")) };
            // A share of nothing is 0 on the page, and not a number in Prometheus.
            let expected = if expected.is_nan() { 0.0 } else { expected };
            // Prometheus extrapolates to the ends of the range, and the last scrapes may differ by a second.
            let absolute = match query.contains(" / ") {
                true => 0.02,
                false if query.contains("rate(") => 0.15,
                false => 2.0,
            };
            let tolerance = expected.abs() * 0.15 + absolute;
            let differs = value_shown.is_nan() || (value_shown - expected).abs() > tolerance;
            if differs {
                return Err(format!("{key}: the page shows {value_shown}, {query} is {expected}"));
            }
        }
        let rates =
            shown.iter().filter(|(key, _, value)| key.starts_with("requests_") && *value > 0.0).count();
        if rates < 2 {
            return Err(format!("no traffic: {shown:?}"));
        }
        let up = before["destinations"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| ["up", "trying"].contains(&row["state"].as_str().unwrap()));
        let (up, expected) = (up.count() as f64, value("sum(kamailio_dispatcher_destination_up)"));
        if expected == Some(up) { Ok(()) } else { Err(format!("{up} destinations are up, not {expected:?}")) }
    });
}

#[test]
fn a_stopped_kamailio_is_shown_and_does_not_delay_the_page() {
    let kamailio = Kamailio::start();
    let exporter = Exporter::start(&["-u", &kamailio.unix(), "-t", "1s"]);
    exporter.exposition();
    kamailio.suspend();
    let mut durations: Vec<_> = (0..30)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            let start = Instant::now();
            assert_eq!(exporter.get("/").status, 200);
            start.elapsed()
        })
        .collect();
    durations.sort();
    assert!(durations[15] < Duration::from_millis(50), "{durations:?}");
    eventually(|| match exporter.get("/").text() {
        page if page.contains("Kamailio does not respond</bdi>, since <time") => Ok(()),
        page => Err(page),
    });
    let stopped = status(&exporter);
    assert_eq!((&stopped["level"], &stopped["scrape"]["responded"]), (&"bad".into(), &false.into()));
    let reason = stopped["problems"][0]["details"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("stopped or still starting"), "{reason}");
    kamailio.resume();
    eventually(|| match status(&exporter) {
        status if status["scrape"]["responded"] == true => Ok(()),
        status => Err(status["headline"].to_string()),
    });
}

#[test]
fn a_restart_and_a_destination_that_dies_are_problems_with_a_time() {
    let mut kamailio = Kamailio::start();
    kamailio.callee();
    let exporter = Exporter::start(&["-u", &kamailio.unix()]);
    let down = |status: &Json| {
        let rows = status["destinations"].as_array().unwrap().clone();
        rows.into_iter().filter(|row| row["state"] == "down").collect::<Vec<_>>()
    };
    let refreshed = || {
        exporter.exposition();
        status(&exporter)
    };
    let before = eventually(|| match down(&refreshed()).len() {
        count if count <= 1 => Ok(count),
        count => Err(format!("{count} destinations are down")),
    });
    kamailio.stop_callee();
    eventually(|| {
        let status = refreshed();
        let down = down(&status);
        if down.len() <= before {
            return Err(status["headline"].to_string());
        }
        assert!(down.iter().any(|row| row["since"].is_i64()), "{down:?}");
        let title = status["problems"][0]["title"].as_str().unwrap();
        assert!(title.contains("down"), "{title}");
        Ok(())
    });
    kamailio.restart();
    eventually(|| match refreshed() {
        status if status["restarts"].as_array().unwrap().len() == 1 => Ok(()),
        status => Err(status.to_string()),
    });
    assert!(exporter.get("/").text().contains("Kamailio restarted "));
}
