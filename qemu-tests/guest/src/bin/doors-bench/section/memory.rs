// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thousand callers that wait for a server: how much memory does the kernel need for each, beyond what a process
//! takes that just sleeps?

use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use doors_protocol::bench::Section;

use super::{row, Bench};
use crate::measure::Server;
use crate::peer::door::{Service, Work};
use crate::peer::{Path, Shape};
use crate::process::{fork, Child, Cpus};

const CALLERS: usize = 1000;

/// What the kernel's memory is called where it says how much there is.
const KINDS: [&str; 5] = [
    "Slab:",
    "KernelStack:",
    "PageTables:",
    "Percpu:",
    "VmallocUsed:",
];

pub(super) fn ask(bench: &Bench, path: &dyn Path) -> io::Result<()> {
    let (shape, cpus) = (Shape::of(0), Cpus::Only(0));
    cpus.keep_to()?;
    let service = Service::new(&shape, 1, Work::Sleep)?;
    let _server = Server::start(&service)?;
    let door = service.fetch()?;
    let call = || drop(door.call());
    let pause = || {
        // SAFETY: has no preconditions.
        unsafe { libc::pause() };
    };
    // The one whom the server's only thread serves, for ever. All others wait.
    let _first = fork(call)?;
    // The first time caches are filled, which stay.
    cost_of(CALLERS, pause)?;
    let pausing = cost_of(CALLERS, pause)?;
    cost_of(CALLERS, call)?;
    let calling = cost_of(CALLERS, call)?;

    let mut row = row(Section::Memory, path, &shape, cpus, 0);
    row.clients = CALLERS as u32;
    row.what = format!(
        "{CALLERS} processes wait in door_call() for a server whose only thread is busy: kernel memory of each \
         ({}), beyond that of as many in pause().",
        KINDS.map(|kind| kind.trim_end_matches(':')).join(", ")
    );
    row.measures = [
        (
            "kernel_bytes_per_caller".to_owned(),
            (calling - pausing) / CALLERS as f64,
        ),
        (
            "kernel_bytes_per_process".to_owned(),
            pausing / CALLERS as f64,
        ),
    ]
    .into();
    bench.output.row(row);
    Ok(())
}

/// By how many bytes the kernel's memory grows when `count` processes do this, which is to sleep.
fn cost_of(count: usize, body: impl Fn()) -> io::Result<f64> {
    let before = kernel_memory()?;
    let children: Vec<Child> = (0..count).map(|_| fork(&body)).collect::<io::Result<_>>()?;
    for child in &children {
        until_asleep(child)?;
    }
    let after = kernel_memory()?;
    Ok(after - before)
}

/// Bytes of memory that the kernel has for itself.
fn kernel_memory() -> io::Result<f64> {
    // What has ended gives its memory back a moment later.
    thread::sleep(Duration::from_millis(100));
    let info = fs::read_to_string("/proc/meminfo")?;
    let kilobytes = info.lines().filter_map(|line| {
        let (kind, rest) = line.split_once(' ')?;
        let amount = rest.trim().trim_end_matches(" kB");
        KINDS.contains(&kind).then_some(amount.parse::<f64>().ok()?)
    });
    Ok(kilobytes.sum::<f64>() * 1024.0)
}

fn until_asleep(child: &Child) -> io::Result<()> {
    let stat = format!("/proc/{}/stat", child.pid());
    loop {
        let text = fs::read_to_string(&stat)?;
        let state = text.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
        match state {
            Some(b'S') => return Ok(()),
            Some(b'Z' | b'X') => return Err(io::Error::other("a caller has ended")),
            _ => thread::sleep(Duration::from_millis(1)),
        }
    }
}
