use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Sends SIP messages over UDP until it is dropped. Replies are not read.
pub(crate) struct Sender {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    /// Sends the result of `message` for 0, 1, 2 …, at a rate per second, from an address of its own.
    pub(crate) fn start(
        from: Ipv4Addr,
        to: Ipv4Addr,
        per_second: u32,
        message: impl Fn(u32) -> String + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind((from, 0)).unwrap();
        socket.connect((to, SIP_PORT)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            for number in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // Kamailio may be down.
                let _ = socket.send(message(number).as_bytes());
                thread::sleep(Duration::from_secs(1) / per_second);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Builds a request outside a dialog with further `headers`, each with its line end.
pub(crate) fn request(method: &str, user: &str, number: u32, headers: &str) -> String {
    format!(
        "{method} sip:{user}@lab SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{method}{number}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:{user}@lab>;tag={number}\r\n\
         To: <sip:{user}@lab>\r\n\
         Call-ID: {method}{number}@lab\r\n\
         CSeq: 1 {method}\r\n\
         {headers}Content-Length: 0\r\n\r\n"
    )
}

const SIP_PORT: u16 = 25_060;
