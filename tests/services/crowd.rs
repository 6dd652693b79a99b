//! Many clients at once.

use std::thread;

use libtest_mimic::Trial;
use sha2::{Digest as _, Sha256};

use crate::desk::Desk;
use crate::tool::trial;

pub fn trials() -> Vec<Trial> {
    vec![trial(
        "crowd: 20 clients at once get their own bytes",
        &[],
        crowd,
    )]
}

fn crowd() {
    let desk = Desk::new();
    thread::scope(|scope| {
        for client in 0..20_u8 {
            let job = desk.job("run", "main");
            scope.spawn(move || {
                let content: Vec<u8> = (0..=250_u8)
                    .cycle()
                    .take(3 << 20)
                    .map(|at| client.wrapping_mul(31).wrapping_add(at))
                    .collect();
                let name = format!("of-{client}");
                let url = job.begin(&name);
                let blocks: Vec<&[u8]> = content.chunks(1 << 20).collect();
                thread::scope(|scope| {
                    for (number, block) in blocks.iter().enumerate() {
                        let (job, url) = (&job, &url);
                        scope.spawn(move || job.put_block(url, number, block).ok());
                    }
                });
                let numbers: Vec<usize> = (0..blocks.len()).collect();
                job.put_list(&url, &numbers).ok();
                job.finalize(&name, content.len()).ok();
                let back = job.send("GET", &job.address(&name), &[], b"").ok();
                assert_eq!(Sha256::digest(&back.body), Sha256::digest(&content));
                assert!(job.save(&name, &content[..1000]));
                assert_eq!(job.restore(&[&name]).unwrap().1, &content[..1000]);
            });
        }
    });
    let job = desk.job("run", "main");
    assert_eq!(job.listed().len(), 20);
}
