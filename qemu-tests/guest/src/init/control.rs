// SPDX-License-Identifier: MIT OR Apache-2.0
//! The line to the host: reports go out, orders come in.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use anyhow::Result;
use doors_protocol::{decode, encode, Ending, Event, Order, CONTROL_PORT};

use crate::{job, ports};

/// How long PID 1 waits, when all is done, for the host to have collected everything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which job runs, and what the host has ordered.
#[derive(Default)]
struct State {
    running: Option<usize>,
    stopped: Option<usize>,
    power_off: bool,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// The control port and the thread that listens on it.
pub(crate) struct Control {
    port: Mutex<File>,
    shared: Shared,
}

impl Control {
    /// Opens the port and starts listening.
    pub(crate) fn open() -> Result<Control> {
        let port = ports::open(CONTROL_PORT)?;
        let shared = Shared::default();
        let (orders, listener) = (port.try_clone()?, Arc::clone(&shared));
        std::thread::spawn(move || listen(orders, &listener));
        Ok(Control {
            port: Mutex::new(port),
            shared,
        })
    }

    /// Sends one event.
    pub(crate) fn report(&self, event: &Event) -> Result<()> {
        Ok(self
            .port
            .lock()
            .expect("no reporter panics")
            .write_all(encode(event).as_bytes())?)
    }

    /// From now on orders about this job are obeyed.
    pub(crate) fn begin(&self, job: usize) {
        self.shared
            .0
            .lock()
            .expect("the listener does not panic")
            .running = Some(job);
    }

    /// The job is over; says how, which is not the job's own doing when the host had it stopped.
    pub(crate) fn end(&self, job: usize, ending: Ending) -> Ending {
        let mut state = self.shared.0.lock().expect("the listener does not panic");
        state.running = None;
        if state.stopped == Some(job) {
            return Ending::Stopped;
        }
        ending
    }

    /// Waits until the host has everything, or long enough.
    pub(crate) fn wait_for_power_off(&self) {
        let (state, changed) = &*self.shared;
        let state = state.lock().expect("the listener does not panic");
        drop(changed.wait_timeout_while(state, PATIENCE, |s| !s.power_off));
    }
}

/// Obeys the host's orders until it hangs up.
fn listen(port: File, shared: &Shared) {
    for line in BufReader::new(port).lines() {
        let Ok(line) = line else { return };
        let Ok(order) = decode::<Order>(&line) else {
            continue;
        };
        let mut state = shared
            .0
            .lock()
            .expect("nobody panics with the state locked");
        match order {
            Order::Stop(job) if state.running == Some(job) => {
                state.stopped = Some(job);
                job::kill_everything();
            }
            // It ended by itself while the order was under way.
            Order::Stop(_) => {}
            Order::PowerOff => state.power_off = true,
        }
        shared.1.notify_all();
    }
}
