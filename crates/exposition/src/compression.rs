//! The bodies of one scrape, plain and compressed.

use crate::format::Format;
use bytes::Bytes;
use flate2::{Compress, CompressError, Compression, FlushCompress, Status};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

/// The bodies of one scrape: each is written once, however many requests the scrape answers.
#[derive(Default)]
pub struct Bodies {
    /// By syntax, then plain and compressed.
    written: [[OnceLock<Body>; 2]; 2],
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its bytes.
    pub content: Bytes,
    /// Whether they are compressed.
    pub gzip: bool,
}

impl Body {
    /// A page as it is.
    pub fn plain(page: Vec<u8>) -> Self {
        Self { content: page.into(), gzip: false }
    }

    /// A page that is compressed.
    pub fn compressed(page: Vec<u8>) -> Self {
        match gzip(&page) {
            Ok(compressed) => Self { content: compressed.into(), gzip: true },
            Err(error) => {
                tracing::error!(%error, "cannot compress, sending as it is");
                Self::plain(page)
            }
        }
    }
}

impl Bodies {
    /// The body in a format, compressed or not; `write` writes what is not there yet.
    pub fn get(&self, format: Format, gzip: bool, write: impl FnOnce() -> Body) -> Body {
        let [text, openmetrics] = &self.written;
        let [plain, compressed] = if format.is_text() { text } else { openmetrics };
        if gzip { compressed } else { plain }.get_or_init(write).clone()
    }
}

/// The same bytes, compressed. What that needs is 0.3 MiB, which is made once and kept.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>, CompressError> {
    static COMPRESSOR: LazyLock<Mutex<Compress>> =
        LazyLock::new(|| Mutex::new(Compress::new_gzip(Compression::fast(), WINDOW_BITS)));
    let mut compressor = COMPRESSOR.lock().unwrap_or_else(PoisonError::into_inner);
    compressor.reset();
    let mut out = Vec::with_capacity(bytes.len() / 4);
    loop {
        out.reserve(MIN_ROOM);
        let taken = usize::try_from(compressor.total_in()).unwrap_or(usize::MAX);
        let rest = bytes.get(taken..).unwrap_or_default();
        if compressor.compress_vec(rest, &mut out, FlushCompress::Finish)? == Status::StreamEnd {
            return Ok(out);
        }
    }
}

/// Of the window that repetitions are looked for in: 32 KiB, the most that there is.
const WINDOW_BITS: u8 = 15;
/// Of the compressed bytes, before the compressor goes on: a header of gzip fits.
const MIN_ROOM: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_can_be_read_again_and_again() {
        use std::io::Read as _;
        let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for page in [&b""[..], b"up 1\n", &b"kamailio_up 1\n".repeat(50_000), &noise, b"up 1\n"] {
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(&gzip(page).unwrap()[..]).read_to_end(&mut read).unwrap();
            assert!(read == page, "{} bytes", page.len());
        }
    }
}
