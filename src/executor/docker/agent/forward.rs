//! Ports of the container's own loopback that lead to a service (DESIGN 4: `localhost:<host port>`).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// What listens at a port, and the thread that waits on it.
pub(super) type Listening = (TcpListener, JoinHandle<()>);

/// Listens until the container ends, or is stopped.
pub(super) fn start(port: u16, to: &str) -> io::Result<Vec<Listening>> {
    let mut listeners = vec![TcpListener::bind((Ipv4Addr::LOCALHOST, port))?];
    // `localhost` may mean either; a container without IPv6 has one only.
    listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, port)));
    let mut all = Vec::new();
    for listener in listeners {
        let (own, to) = (listener.try_clone()?, to.to_owned());
        all.push((listener, thread::spawn(move || serve(&own, &to))));
    }
    Ok(all)
}

/// Frees the ports.
pub(super) fn stop(all: Vec<Listening>) {
    for (listener, thread) in all {
        // It wakes the thread, whose own end closes the port.
        if rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).is_ok() {
            thread.join().ok();
        }
    }
}

fn serve(listener: &TcpListener, to: &str) {
    while let Ok((near, _)) = listener.accept() {
        let to = to.to_owned();
        thread::spawn(move || {
            // A service that does not answer closes the connection, as a published port does.
            if let Ok(far) = TcpStream::connect(&to) {
                join(&near, &far);
            }
        });
    }
}

fn join(near: &TcpStream, far: &TcpStream) {
    thread::scope(|scope| {
        scope.spawn(|| carry(near, far));
        carry(far, near);
    });
}

/// One direction, to its end.
fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    drop(io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Write));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[test]
    fn what_goes_in_comes_out_both_ways() {
        let service = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = service.local_addr().unwrap().to_string();
        // A port that is free now.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let listening = start(port, &to).unwrap();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut served, _) = service.accept().unwrap();
        let mut text = String::new();
        served.read_to_string(&mut text).unwrap();
        assert_eq!(text, "question");
        served.write_all(b"answer").unwrap();
        drop(served);
        text.clear();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "answer");
        stop(listening);
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
