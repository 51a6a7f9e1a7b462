//! The landing page, for people.

use super::{Paths, probe};
use crate::collectors::ALL;
use crate::instance::LastScrape;
use crate::outbound::Target;
use crate::scrape::diagnosis::State;
use crate::scrape::selection::Selection;
use crate::support::build_info;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use exporter_toolkit::{Response, with_body};
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use ring::digest::{SHA256, digest};
use std::fmt::{self, Write as _};
use std::time::Duration;

/// Responds with a page that can load and run nothing; its only style is the one below.
pub(super) fn html(page: String) -> Response {
    let mut response = with_body(StatusCode::OK, "text/html; charset=UTF-8", page);
    let style = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Renders the landing page: the links, the state of Kamailio, and the state of each collector.
pub(super) fn landing(
    paths: &Paths,
    probes: bool,
    target: &Target,
    selection: &Selection,
    last: Option<&LastScrape>,
) -> String {
    let mut links = vec![(&*paths.telemetry, "Metrics")];
    links.extend(paths.rtpengine.iter().map(|(_, path)| (path.as_str(), "Metrics of rtpengine")));
    links.extend([("/-/healthy", "Healthy"), ("/-/ready", "Ready")]);
    let mut list = String::new();
    for (path, text) in links {
        let _ = writeln!(
            list,
            "<li><a href=\"{}{}\">{}</a></li>",
            Text(&paths.external_prefix),
            Text(path),
            Text(text)
        );
    }
    let others = if probes {
        format!(
            "<p>Other Kamailios: <code>{}{}?target=URI</code>, for the targets that --probe.allow names.</p>\n",
            Text(&paths.external_prefix),
            probe::PATH
        )
    } else {
        String::new()
    };
    let (class, state) = match last {
        None => {
            ("absent", "Kamailio was not scraped yet. A scrape is under way: reload this page.".to_owned())
        }
        Some(LastScrape { end, summary }) => {
            let age = age(end.elapsed());
            let error = summary.error.as_deref().unwrap_or_default();
            match summary.answered {
                true => ("ok", format!("Kamailio answered {age}.")),
                false => ("failed", format!("Kamailio did not answer {age}: {error}")),
            }
        }
    };
    let mut rows = String::new();
    for (index, collector) in ALL.iter().enumerate() {
        let (state, reason) = match last {
            None => (State::Unknown, "Not scraped yet.".to_owned()),
            Some(last) => last.summary.state(index, selection),
        };
        let (class, state) = class_and_name(state);
        let _ = writeln!(
            rows,
            "<tr class=\"{class}\"><td>{}</td><td>{state}</td><td>{}</td></tr>",
            Text(collector.name),
            Text(&reason)
        );
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"UTF-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>Kamailio Exporter</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<header><h1>Kamailio Exporter</h1></header>\n<main>\n\
         <h2>Prometheus Instance for Kamailio</h2>\n<div>Version: {version}</div>\n<ul>\n{list}</ul>\n{others}\
         <h2>Kamailio</h2>\n<div>Target: {target}</div>\n<p class=\"{class}\">{state}</p>\n\
         <h2>Collectors</h2>\n<table>\n<thead><tr><th>Collector</th><th>State</th><th>Reason</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</main>\n</body>\n</html>\n",
        version = Text(&build_info::info()),
        target = Text(&target.to_string()),
        state = Text(&state),
    )
}

/// Returns the class and the name of a state.
fn class_and_name(state: State) -> (&'static str, &'static str) {
    match state {
        State::Ok => ("ok", "ok"),
        State::Failed => ("failed", "failed"),
        State::Absent => ("absent", "absent"),
        State::NotSelected => ("absent", "not selected"),
        State::Unknown => ("absent", "unknown"),
    }
}

/// Formats how long ago a scrape was.
fn age(age: Duration) -> String {
    match age.as_secs() {
        0 => "just now".to_owned(),
        1 => "1 second ago".to_owned(),
        seconds @ 2..120 => format!("{seconds} seconds ago"),
        seconds @ 120..7200 => format!("{} minutes ago", seconds / 60),
        seconds => format!("{} hours ago", seconds / 3600),
    }
}

/// Displays text with the characters of markup escaped.
struct Text<'t>(&'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The colours follow the reader's system; on a narrow screen each row becomes a block.
const STYLE: &str = "
:root{color-scheme:light dark}
body{margin:0;font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
header{background:#e6522c;color:#fff;padding:.5rem 1rem}
h1{margin:0;font-size:1.5rem}
h2{font-size:1.2rem;margin:1.5rem 0 .5rem}
main{max-width:60rem;margin:0 auto;padding:0 1rem 2rem}
table{width:100%;border-collapse:collapse}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #8884}
p.ok,tr.ok td:nth-child(2){color:#188038;font-weight:600}
p.failed,tr.failed td:nth-child(2){color:#d93025;font-weight:600}
tr.absent{opacity:.75}
@media (max-width:40rem){
thead{display:none}
tr{display:grid;grid-template-columns:1fr auto;border-bottom:1px solid #8884;padding:.4rem 0}
td{border:0;padding:0}
td:nth-child(3){grid-column:1/-1;font-size:.9rem}
}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::{Deadline, Instance, Settings};
    use std::sync::Arc;

    #[tokio::test]
    async fn values_cannot_become_markup() {
        let evil = "/\"><script>alert('&')</script>";
        let target: Target = "unix:/<b>nonexistent</b>".parse().unwrap();
        let selection = Arc::new(Selection::parse("auto").unwrap());
        let instance = Instance::new(
            target.clone(),
            Arc::new(Settings { selection: selection.clone(), max_series: 10, set_names: Vec::new() }),
        );
        instance.scrape(selection.clone(), Deadline::after(Duration::from_secs(1))).await;
        let last = instance.last_scrape(Duration::from_secs(1));
        let paths = Paths {
            telemetry: evil.to_owned(),
            rtpengine: None,
            prefix: String::new(),
            external_prefix: "/'x".to_owned(),
        };
        let page = landing(&paths, true, &target, &selection, last.as_ref());
        assert!(
            page.contains("href=\"/&#39;x/&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\""),
            "{page}"
        );
        assert!(page.contains("unix:/&lt;b&gt;nonexistent&lt;/b&gt;") && !page.contains("<b>"), "{page}");
    }
}
