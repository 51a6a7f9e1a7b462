// A stand-in for Kamailio that the examples of the documentation talk to, because they run on machines without Kamailio.
// It serves one connection on a TCP port, and answers any call with the reply of a Kamailio 5.6.3 to `core.version`.
pub fn stand_in() -> kamailio_binrpc::Target {
    use kamailio_binrpc::wire::{self, Kind};
    use std::io::{Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            received.extend_from_slice(&buffer[..read]);
            while let Ok(Some(header)) = wire::header(&received) {
                let len = header.header_len + header.body_len;
                if received.len() < len {
                    break;
                }
                received.drain(..len);
                let mut reply = Vec::new();
                wire::encode(Kind::Reply, header.cookie, &["kamailio 5.6.3 (x86_64/linux)".into()], &mut reply).unwrap();
                if stream.write_all(&reply).is_err() {
                    return;
                }
            }
        }
    });
    format!("tcp:127.0.0.1:{port}").parse().unwrap()
}
