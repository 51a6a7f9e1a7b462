//! The page for people.

use crate::build_info;

/// The landing page: what this is, and where the rest is.
pub(super) fn landing(telemetry_path: &str, rtpengine_path: Option<&str>) -> String {
    let metrics = link(telemetry_path, "Metrics");
    let rtpengine = rtpengine_path.map(|path| link(path, "Metrics of rtpengine")).unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"UTF-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>Kamailio Exporter</title>\n</head>\n<body>\n\
         <h1>Kamailio Exporter</h1>\n<h2>Prometheus Exporter for Kamailio</h2>\n<div>Version: {version}</div>\n<ul>\n\
         {metrics}{rtpengine}{healthy}{ready}</ul>\n</body>\n</html>\n",
        version = escape(&build_info::info()),
        healthy = link("/-/healthy", "Healthy"),
        ready = link("/-/ready", "Ready"),
    )
}

fn link(address: &str, text: &str) -> String {
    format!("<li><a href=\"{}\">{}</a></li>\n", escape(address), escape(text))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_become_markup() {
        let page = landing("/\"><script>alert('&')</script>", None);
        assert!(
            page.contains("href=\"/&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\""),
            "{page}"
        );
    }
}
