//! The byte stream under a connection.

use crate::connection_pool::Slot;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// A TCP, unix or vsock stream.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// A stream that reports arriving bytes to the connection's slot, and whose first byte can be read ahead.
pub(crate) struct MonitoredStream {
    stream: Pin<Box<dyn Stream>>,
    slot: Option<Arc<Slot>>,
    read_ahead: Option<u8>,
}

impl MonitoredStream {
    pub(crate) fn new(stream: Box<dyn Stream>, slot: Arc<Slot>) -> Self {
        Self { stream: Box::into_pin(stream), slot: Some(slot), read_ahead: None }
    }

    /// Returns the first byte, which the next read returns again.
    pub(crate) async fn first_byte(&mut self) -> io::Result<u8> {
        let byte = self.stream.read_u8().await?;
        self.read_ahead = Some(byte);
        Ok(byte)
    }

    /// Stops reporting. HTTP/2 needs this: its frames for the connection itself do not begin a request.
    pub(crate) fn stop_reporting(&mut self) {
        self.slot = None;
    }
}

impl AsyncRead for MonitoredStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if into.remaining() > 0
            && let Some(byte) = self.read_ahead.take()
        {
            into.put_slice(&[byte]);
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(self.stream.as_mut().poll_read(context, into))?;
        if into.filled().len() > before
            && let Some(slot) = &self.slot
        {
            slot.bytes_arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MonitoredStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A stream that lets other connections have their turn after every few bytes. It wraps TLS, whose records hold 16 KiB.
pub(crate) struct TurnStream<S> {
    stream: S,
    /// The bytes read since another connection could have its turn.
    read_in_turn: usize,
}

impl<S> TurnStream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, read_in_turn: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TurnStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_in_turn >= MAX_READ_IN_TURN {
            self.read_in_turn = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let limit = (MAX_READ_IN_TURN - self.read_in_turn).min(into.remaining());
        let mut part = ReadBuf::new(into.initialize_unfilled_to(limit));
        let polled = Pin::new(&mut self.stream).poll_read(context, &mut part);
        let read = part.filled().len();
        into.advance(read);
        self.read_in_turn = if polled.is_pending() { 0 } else { self.read_in_turn + read };
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TurnStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The bytes that a connection reads before the others have their turn. HTTP/2 frames have as few as 9 bytes, and each takes
/// up to a microsecond: even if every connection of a full pool sends nothing else, a request waits for less than 50 ms.
const MAX_READ_IN_TURN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn a_stream_with_more_to_read_gives_others_their_turn() {
        let bytes = vec![b'x'; 3 * MAX_READ_IN_TURN + 1];
        let mut stream = TurnStream::new(tokio::io::join(bytes.as_slice(), tokio::io::sink()));
        let mut read = Vec::new();
        for turn in 1..=3 {
            let mut buffer = vec![0; bytes.len()];
            let len = stream.read(&mut buffer).now_or_never().expect("bytes").unwrap();
            read.extend_from_slice(&buffer[..len]);
            assert_eq!(read.len(), turn * MAX_READ_IN_TURN);
            assert!(stream.read(&mut buffer).now_or_never().is_none(), "turn {turn} goes on");
        }
        // The stream has woken its task.
        stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, bytes);
    }
}
