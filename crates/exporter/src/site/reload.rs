//! The endpoint that reloads the web configuration file.

use super::{Site, method_not_allowed};
use exporter_toolkit::{Response, text};
use hyper::{Method, StatusCode};

impl Site {
    pub(super) fn reload(&self, method: &Method) -> Response {
        if !self.options.lifecycle {
            return text(
                StatusCode::FORBIDDEN,
                "Reloading is disabled: start with --web.enable-lifecycle, or send SIGHUP.\n",
            );
        }
        if !matches!(*method, Method::POST | Method::PUT) {
            return method_not_allowed("This endpoint requires a POST request.\n", "POST, PUT");
        }
        match self.web_config.reload() {
            Ok(()) => text(StatusCode::OK, ""),
            Err(error) => {
                text(StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {error}\n"))
            }
        }
    }
}
