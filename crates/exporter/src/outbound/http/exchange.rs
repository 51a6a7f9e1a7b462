//! One request and its answer, over a connection that is there.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Frame, Incoming};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its content, as much as was wanted and came; empty if it was given to a function.
    pub content: Bytes,
    /// Why that is not all of it, in a sentence.
    pub complete: Result<(), String>,
}

pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    mut request: Request<Full<Bytes>>,
    limit: usize,
    take: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<Answer, String> {
    let host = HeaderValue::from_str(host).map_err(|error| error.to_string())?;
    request.headers_mut().insert(HOST, host);
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let complete = read(body, limit, take).await;
        let content = Bytes::new();
        Ok::<_, hyper::Error>(Answer { status: head.status, headers: head.headers, content, complete })
    };
    // The connection does the reading and writing, and ends with the answer. A server may have answered before it broke
    // the connection off, and then the answer counts.
    tokio::select! {
        biased;
        answer = answer => answer.map_err(|error| sentence(&error)),
        Err(error) = connection => Err(sentence(&error)),
    }
}

/// Gives up to `limit` bytes to `take`, and tells why there are more. Other tasks run between the pieces.
async fn read(mut body: Incoming, limit: usize, take: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), String> {
    let mut room = limit;
    while let Some(frame) = body.frame().await {
        let data = match frame.map(Frame::into_data) {
            Ok(Ok(data)) => data,
            Ok(Err(_trailers)) => continue,
            Err(error) => return Err(sentence(&error)),
        };
        for piece in data[..data.len().min(room)].chunks(PIECE) {
            take(piece);
            tokio::task::yield_now().await;
        }
        room = room.checked_sub(data.len()).ok_or_else(|| format!("it has more than {limit} bytes"))?;
    }
    Ok(())
}

/// hyper's words, with the cause, which it keeps apart.
fn sentence(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Bytes that are given to the receiver at once, which parses them: 1 ms at most in a release build.
const PIECE: usize = 8 << 10;
