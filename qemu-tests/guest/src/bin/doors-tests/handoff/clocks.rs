// SPDX-License-Identifier: MIT OR Apache-2.0
//! CPU clocks tell who has computed, whoever it was that made room for it.

use super::hogs::{are_two, count, eventually, keep_to, used, used_by_thread, FIRST, SECOND};
use crate::support::process::server;
use crate::support::raw::make;
use crate::support::threads::{serve, Caller};
use crate::support::{call, fork, tests, Flag};
use std::time::{Duration, Instant};

tests!(handoff:
    clocks_of_client_and_server => "SH-7",
    clock_of_a_server_that_computes => "SH-7",
);

/// The two have a CPU for themselves, so together they use all of it, and each half of it.
fn clocks_of_client_and_server() {
    const TIMES: u64 = 100_000;
    if !are_two() {
        return;
    }
    let (server, door) = server(|| {
        serve(
            || keep_to(0, FIRST),
            |_| {
                count(TIMES);
                Vec::new()
            },
        );
        make(0, 0)
    });
    let client = fork(|| loop {
        count(TIMES);
        call(door.fd(), b"").expect("call");
    });
    keep_to(client.pid, FIRST);
    keep_to(0, SECOND);
    std::thread::sleep(Duration::from_millis(20));
    eventually(|| {
        let begun = Instant::now();
        let before = [client.pid, server.pid].map(used);
        std::thread::sleep(Duration::from_millis(500));
        let after = [client.pid, server.pid].map(used);
        let elapsed = begun.elapsed().as_secs_f64();
        let [client, server] = [0, 1].map(|it| (after[it] - before[it]).as_secs_f64());
        let (sum, part) = (client + server, server / (client + server));
        if (sum / elapsed - 1.0).abs() < 0.03 && (part - 0.5).abs() < 0.03 {
            Ok(())
        } else {
            Err(format!(
                "in {elapsed} s the client used {client} s, the server {server} s"
            ))
        }
    });
    drop(client);
}

/// The clock of a thread goes on in the middle of a procedure, and not with every tick only.
fn clock_of_a_server_that_computes() {
    const READINGS: usize = 40;
    static LET_GO: Flag = Flag::new();
    if !are_two() {
        return;
    }
    let door = make(0, 0);
    let thread = serve(
        || keep_to(0, FIRST),
        |call| {
            while call.size > 0 && LET_GO.get() == 0 {
                count(500);
            }
            call.bytes()
        },
    );
    // The first call may have to bring the server here, and is carried in another way than the next.
    let fd = door.fd();
    let caller = Caller::prepared(fd, b"x", move || {
        keep_to(0, FIRST);
        call(fd, b"").expect("call");
    });
    keep_to(0, SECOND);
    std::thread::sleep(Duration::from_millis(30));
    eventually(|| {
        let begun = Instant::now();
        let readings = [(); READINGS].map(|()| {
            std::thread::sleep(Duration::from_micros(400));
            used_by_thread(thread)
        });
        let elapsed = begun.elapsed();
        let moved = readings.windows(2).filter(|pair| pair[0] < pair[1]).count();
        let whole = readings[READINGS - 1] - readings[0];
        if moved > READINGS * 3 / 4 && whole > elapsed / 2 && whole <= elapsed {
            Ok(())
        } else {
            Err(format!(
                "{moved} of {READINGS} readings were new; {whole:?} went by in {elapsed:?}"
            ))
        }
    });
    LET_GO.set(1);
    assert_eq!(caller.result(), Ok(b"x".to_vec()));
}
