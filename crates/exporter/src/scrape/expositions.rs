//! The expositions of one scrape, plain and compressed.

use crate::scrape::memory_budget::Reservation;
use bytes::Bytes;
use prometheus_exposition::Format;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The expositions of one scrape: each is written once, however many requests share the scrape.
#[derive(Default)]
pub struct Expositions {
    /// By syntax, then plain and compressed.
    written: [[OnceCell<WrittenExposition>; 2]; 2],
}

/// The body of a response.
#[derive(Clone, Debug)]
pub(crate) struct WrittenExposition {
    /// The bytes.
    pub(crate) content: Bytes,
    /// Whether the bytes are compressed.
    pub(crate) gzip: bool,
}

/// The bytes of a response, and the reservation of their memory until the client has read them.
struct Reserved {
    content: Vec<u8>,
    _reservation: Arc<Reservation>,
}

impl WrittenExposition {
    /// A body that is not compressed, and that keeps the reservation of its memory.
    pub(crate) fn plain(content: Vec<u8>, reservation: Option<&Arc<Reservation>>) -> Self {
        let content = match reservation {
            Some(reservation) => Bytes::from_owner(Reserved { content, _reservation: reservation.clone() }),
            None => content.into(),
        };
        Self { content, gzip: false }
    }
}

impl AsRef<[u8]> for Reserved {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

impl Expositions {
    /// Returns the body in a format, compressed or not. The first request for it runs `write`, which is a function because its
    /// future is large, and would be moved several times.
    pub(crate) async fn get<F: Future<Output = WrittenExposition>>(
        &self,
        format: Format,
        gzip: bool,
        write: impl FnOnce() -> F,
    ) -> WrittenExposition {
        let [text, openmetrics] = &self.written;
        let [plain, compressed] = if format.is_text() { text } else { openmetrics };
        if gzip { compressed } else { plain }.get_or_init(write).await.clone()
    }
}
