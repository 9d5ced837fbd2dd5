//! Links between servers, and from clients to servers, that can be cut: what is cut takes bytes and hands on none, as a network does that
//! has lost its way.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// A port that hands on to another while it is whole.
pub struct Link {
    pub port: u16,
    is_cut: Arc<AtomicBool>,
}

impl Link {
    /// To a port that need not be open yet.
    pub fn to(target: u16) -> Link {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = Arc::clone(&is_cut);
        spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let cut = Arc::clone(&cut);
                spawn(move || {
                    while cut.load(Ordering::Relaxed) {
                        sleep(Duration::from_millis(20));
                    }
                    if let Ok(far) = TcpStream::connect(("127.0.0.1", target)) {
                        join(&near, &far, &cut);
                    }
                });
            }
        });
        Link { port, is_cut }
    }

    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::Relaxed);
    }
}

fn join(near: &TcpStream, far: &TcpStream, cut: &Arc<AtomicBool>) {
    let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { return };
    let cut_too = Arc::clone(cut);
    let back = spawn(move || pass(&far_too, &near_too, &cut_too));
    pass(near, far, cut);
    let _ = back.join();
}

/// Bytes one way. While the link is cut they are neither read nor handed on.
fn pass(mut from: &TcpStream, mut to: &TcpStream, cut: &AtomicBool) {
    let mut part = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut part) {
        while cut.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(20));
        }
        if to.write_all(&part[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
