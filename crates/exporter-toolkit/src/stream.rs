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

    /// Returns the first byte, which stays to be read.
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
