//! The files of the status page, each with a path of its own.

use exporter_toolkit::{Response, with_body};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};

/// A file that is part of the program.
pub(crate) struct Asset {
    path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

/// The style of the page.
pub(crate) static STYLE: Asset =
    Asset { path: "/-/page.css", media_type: "text/css; charset=utf-8", content: include_str!("style.css") };
/// The script that refreshes the page.
pub(crate) static SCRIPT: Asset = Asset {
    path: "/-/page.js",
    media_type: "text/javascript; charset=utf-8",
    content: include_str!("script.js"),
};
/// The icon of the page.
pub(crate) static ICON: Asset =
    Asset { path: "/-/page.svg", media_type: "image/svg+xml", content: include_str!("icon.svg") };

impl Asset {
    /// Returns the asset with this path.
    pub(crate) fn find(path: &str) -> Option<&'static Self> {
        [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.path == path)
    }

    /// Returns the address for a browser, which changes with the content.
    pub(super) fn link(&self, prefix: &str) -> String {
        format!("{prefix}{}?v={:08x}", self.path, hash(self.content.as_bytes()))
    }

    pub(crate) fn response(&self) -> Response {
        let mut response = with_body(StatusCode::OK, self.media_type, self.content);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400"));
        response
    }
}

/// Returns the FNV-1a hash, to tell versions of a file apart.
const fn hash(bytes: &[u8]) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u32).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash
}
