//! Compression of expositions.

use flate2::{Compress, Compression, FlushCompress, Status};
use std::io;
use std::sync::{Mutex, PoisonError};

/// Compresses with gzip, in pieces.
///
/// The state of a compressor takes 0.3 MiB. The state of the last compressor that finished is kept for the next one.
///
/// ```
/// use prometheus_exposition::{GzipEncoder, gzip};
///
/// let mut encoder = GzipEncoder::new();
/// encoder.write(b"jobs_total ")?;
/// encoder.write(b"7\n")?;
/// let compressed = encoder.finish()?;
/// assert_eq!(compressed[..2], gzip(b"jobs_total 7\n")?[..2]);
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct GzipEncoder {
    compressor: Compress,
    out: Vec<u8>,
}

/// Compresses bytes with gzip.
///
/// ```
/// assert_eq!(prometheus_exposition::gzip(b"jobs_total 7\n")?[..2], [0x1f, 0x8b]);
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// # Errors
/// An error of the compressor.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzipEncoder::new();
    encoder.run(bytes, FlushCompress::Finish)?;
    Ok(encoder.into_bytes())
}

/// The compressor that finished last, for the next encoder.
static IDLE: Mutex<Option<Compress>> = Mutex::new(None);

impl GzipEncoder {
    /// Returns an encoder for a new exposition.
    pub fn new() -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut compressor = idle.unwrap_or_else(|| Compress::new_gzip(Compression::fast(), WINDOW_BITS));
        compressor.reset();
        Self { compressor, out: Vec::new() }
    }

    /// Compresses the next bytes.
    ///
    /// # Errors
    /// An error of the compressor.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.run(bytes, FlushCompress::None)
    }

    /// Returns the compressed bytes.
    ///
    /// # Errors
    /// An error of the compressor.
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        self.run(&[], FlushCompress::Finish)?;
        Ok(self.into_bytes())
    }

    fn run(&mut self, bytes: &[u8], flush: FlushCompress) -> io::Result<()> {
        let before = self.compressor.total_in();
        loop {
            self.out.reserve(MIN_SPARE);
            let taken = usize::try_from(self.compressor.total_in() - before).unwrap_or(usize::MAX);
            let rest = bytes.get(taken..).unwrap_or_default();
            let is_done = flush == FlushCompress::None && rest.is_empty();
            if is_done || self.compressor.compress_vec(rest, &mut self.out, flush)? == Status::StreamEnd {
                return Ok(());
            }
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        *IDLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.compressor);
        self.out
    }
}

impl Default for GzipEncoder {
    fn default() -> Self {
        Self::new()
    }
}

/// The window in which repetitions are found has 2^15 bytes, the most that gzip allows.
const WINDOW_BITS: u8 = 15;
/// Minimum spare capacity for compressed bytes before the compressor continues: a gzip header fits.
const MIN_SPARE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read as _;

    fn decompress(bytes: &[u8]) -> Vec<u8> {
        let mut decompressed = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut decompressed).unwrap();
        decompressed
    }

    fn noise() -> Vec<u8> {
        (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn compressed_bytes_can_be_decompressed_again_and_again() {
        for exposition in [&b""[..], b"up 1\n", &b"kamailio_up 1\n".repeat(50_000), &noise(), b"up 1\n"] {
            assert!(decompress(&gzip(exposition).unwrap()) == exposition, "{} bytes", exposition.len());
        }
        assert!(gzip(&b"kamailio_up 1\n".repeat(50_000)).unwrap().len() < 20_000);
    }

    #[test]
    fn pieces_are_one_stream_and_encoders_do_not_disturb_each_other() {
        let exposition = [noise(), b"kamailio_up 1\n".repeat(9_000)].concat();
        let mut encoders = [GzipEncoder::new(), GzipEncoder::default()];
        for piece in exposition.chunks(10_000) {
            for encoder in &mut encoders {
                encoder.write(piece).unwrap();
            }
        }
        for encoder in encoders {
            assert!(decompress(&encoder.finish().unwrap()) == exposition);
        }
    }
}
