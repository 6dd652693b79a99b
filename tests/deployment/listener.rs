//! A listener on loopback that plays the chat and the deployed service.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where the chat takes messages; its last part is the secret.
const WEBHOOK: &str = "/api/webhooks/42/t0p-s3cr3t-token";

/// Writes down what it is told, in order.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    /// Listens; the service is healthy from the given health check on, counted from 1.
    pub fn healthy_from(attempt: usize) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        thread::spawn(move || {
            let mut checks = 0;
            for stream in socket.incoming().map_while(Result::ok) {
                let request = Request::read(&stream);
                let healthy = match request.path.as_str() {
                    "/health" => {
                        checks += 1;
                        log.lock().unwrap().push("health".to_owned());
                        checks >= attempt
                    }
                    WEBHOOK => {
                        log.lock().unwrap().push(request.content());
                        true
                    }
                    other => panic!("nobody lives at {other}"),
                };
                answer(&stream, healthy);
            }
        });
        Self { address, heard }
    }

    pub fn webhook(&self) -> String {
        format!("http://{}{WEBHOOK}", self.address)
    }

    pub fn health(&self) -> String {
        format!("http://{}/health", self.address)
    }

    /// What was said so far, health checks as `health`.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

struct Request {
    path: String,
    body: String,
}

impl Request {
    fn read(stream: &TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first).unwrap();
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.trim().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        Self { path, body }
    }

    /// The message of a form.
    fn content(&self) -> String {
        let coded = self.body.strip_prefix("content=").unwrap();
        let mut bytes = Vec::new();
        let mut rest = coded.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).unwrap()
    }
}

fn answer(mut stream: &TcpStream, fine: bool) {
    let status = if fine {
        "204 No Content"
    } else {
        "503 Service Unavailable"
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
}
