// SPDX-License-Identifier: MIT OR Apache-2.0
//! The measuring loop: a server and its clients are started, warmed up, let go together and counted.
//!
//! Nothing in the loop allocates or prints. Samples go into memory that all share.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use doors_protocol::bench::Times;

use crate::clock::Clock;
use crate::peer::{Client, Connection};
use crate::process::{fork, Child};
use crate::shared::{Gate, Words};
use crate::statistics;

/// How much is to be measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// For how long, in nanoseconds of the clock.
    pub(crate) budget: u64,
    /// How many samples a client keeps.
    pub(crate) kept: usize,
    /// Whether a client goes on after that, overwriting the oldest ones.
    pub(crate) endless: bool,
    /// How long a client sleeps before each call.
    pub(crate) pause: Option<Duration>,
}

impl Effort {
    /// No client makes fewer calls than this, however long they take.
    const LEAST: usize = 11;

    /// Calls before those that count: enough to fault pages in and to fill caches.
    const WARM_UP: u64 = 100;

    /// A part of the budget is what warming up may take.
    const WARM_UP_SHARE: u64 = 4;
}

/// What one group of clients has done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    /// How many round trips were made after the start.
    pub(crate) calls: u64,
    /// How many of them are in `times`.
    pub(crate) samples: u64,
    /// How long they took.
    pub(crate) times: Times,
    /// From the first one's beginning to the last one's end.
    pub(crate) elapsed: u64,
}

impl Tally {
    /// Round trips in a second.
    pub(crate) fn throughput(&self) -> f64 {
        self.calls as f64 * 1e9 / self.elapsed.max(1) as f64
    }
}

/// Where the processes of a group meet.
struct Board {
    words: Words,
    clients: usize,
    kept: usize,
}

const CLIENTS_READY: usize = 0;
const STARTED: usize = 1;
const FINISHED: usize = 2;
/// When to end, on the clock.
const END: usize = 3;
const HEADER: usize = 4;

/// Of each client: when it began, when it ended, how many calls it made.
const BEGUN: usize = 0;
const ENDED: usize = 1;
const CALLS: usize = 2;
const OF_CLIENT: usize = 3;

impl Board {
    fn new(clients: usize, kept: usize) -> io::Result<Board> {
        let words = Words::new(HEADER + clients * (OF_CLIENT + kept))?;
        Ok(Board {
            words,
            clients,
            kept,
        })
    }

    fn gate(&self, gate: usize) -> &Gate {
        self.words.gate(gate)
    }

    fn get(&self, index: usize) -> u64 {
        self.words.all()[index].load(Relaxed)
    }

    fn set(&self, index: usize, value: u64) {
        self.words.all()[index].store(value, Relaxed);
    }

    fn of_client(&self, client: usize, what: usize) -> usize {
        HEADER + client * OF_CLIENT + what
    }

    fn sample(&self, client: usize, number: usize) -> usize {
        HEADER + self.clients * OF_CLIENT + client * self.kept + number % self.kept
    }
}

/// A server's process, which is ready.
pub(crate) struct Server(Child);

impl Server {
    /// Starts it, where this process may run.
    pub(crate) fn start(connection: &dyn Connection) -> io::Result<Server> {
        let words = Words::new(1)?;
        let ready = words.gate(0);
        let mut child = fork(|| serve(connection, ready))?;
        ready.wait_for(1, || child.is_alive())?;
        Ok(Server(child))
    }
}

/// A server and its clients, warmed up and waiting for the start.
pub(crate) struct Group {
    // Clients go first: a server that is gone would make them fail.
    clients: Vec<Child>,
    server: Option<Server>,
    board: Board,
    _connection: Box<dyn Connection>,
    clock: Clock,
}

impl Group {
    /// Starts them, where this process may run.
    pub(crate) fn start(
        connection: Box<dyn Connection>,
        clients: usize,
        effort: &Effort,
        clock: Clock,
    ) -> io::Result<Group> {
        let board = Board::new(clients, effort.kept)?;
        let server = match connection.server_threads() {
            0 => None,
            _ => Some(Server::start(connection.as_ref())?),
        };
        let client = |index| {
            fork(|| {
                let Err(error) = client(connection.as_ref(), index, &board, effort, clock);
                panic!("calling: {error}");
            })
        };
        let mut clients: Vec<Child> = (0..clients).map(client).collect::<io::Result<_>>()?;
        board
            .gate(CLIENTS_READY)
            .wait_for(clients.len() as u32, || {
                clients.iter_mut().try_for_each(Child::is_alive)
            })?;
        Ok(Group {
            clients,
            server,
            board,
            _connection: connection,
            clock,
        })
    }

    /// Lets the clients go, for so many nanoseconds.
    pub(crate) fn go(&self, budget: u64) {
        self.board.set(END, self.clock.now() + budget);
        self.board.gate(STARTED).count();
    }

    /// Nanoseconds of CPU that clients and server have used so far, each as its own clock says.
    pub(crate) fn cpu_times(&self) -> io::Result<(u64, u64)> {
        let clients = self.clients.iter().map(Child::cpu_time);
        let server = self.server.as_ref().map_or(Ok(0), |s| s.0.cpu_time());
        Ok((clients.sum::<io::Result<u64>>()?, server?))
    }

    /// Waits until all clients have finished.
    pub(crate) fn finish(mut self) -> io::Result<Tally> {
        let board = &self.board;
        let all = board.clients as u32;
        let clients = &mut self.clients;
        board
            .gate(FINISHED)
            .wait_for(all, || clients.iter_mut().try_for_each(Child::is_alive))?;
        let all = |what| (0..board.clients).map(move |c| board.get(board.of_client(c, what)));
        let mut samples = Vec::new();
        for (client, calls) in all(CALLS).enumerate() {
            let kept = board.kept.min(calls as usize);
            samples.extend((0..kept).map(|number| board.get(board.sample(client, number))));
        }
        let begun = all(BEGUN).min().unwrap_or(0);
        let ended = all(ENDED).max().unwrap_or(0);
        Ok(Tally {
            calls: all(CALLS).sum(),
            samples: samples.len() as u64,
            times: statistics::times(&mut samples)
                .ok_or_else(|| io::Error::other("nothing was measured"))?,
            elapsed: ended.saturating_sub(begun),
        })
    }
}

/// The server's process. Its first thread serves too: with one client, it is the only one.
fn serve(connection: &dyn Connection, ready: &Gate) {
    connection.open().expect("the server can be opened");
    let serve = |index| {
        let Err(error) = connection.serve(index);
        panic!("serving: {error}");
    };
    thread::scope(|scope| {
        for index in 1..connection.server_threads() {
            scope.spawn(move || serve(index));
        }
        ready.count();
        serve(0)
    })
}

/// One client's process.
fn client(
    connection: &dyn Connection,
    index: usize,
    board: &Board,
    effort: &Effort,
    clock: Clock,
) -> io::Result<Infallible> {
    let mut client = connection.client(index)?;
    warm_up(client.as_mut(), effort, clock)?;
    // The pages that the samples go to are this process' from now on.
    (0..board.kept).for_each(|number| board.set(board.sample(index, number), 0));
    let all = board.clients as u32;
    board.gate(CLIENTS_READY).arrive(all);
    board.gate(STARTED).wait_for(1, || Ok(()))?;
    let end = board.get(END);
    let first = clock.now();
    let (mut calls, mut ended) = (0, first);
    while calls < Effort::LEAST || (ended < end && (effort.endless || calls < effort.kept)) {
        if let Some(pause) = effort.pause {
            thread::sleep(pause);
        }
        let begun = clock.now();
        client.call()?;
        ended = clock.now();
        board.set(board.sample(index, calls), clock.between(begun, ended));
        calls += 1;
    }
    board.set(board.of_client(index, BEGUN), first);
    board.set(board.of_client(index, ENDED), ended);
    board.set(board.of_client(index, CALLS), calls as u64);
    board.gate(FINISHED).arrive(all);
    // To end is work, for which others would have to wait who have not finished.
    loop {
        thread::park();
    }
}

/// The first calls, which do not count; their replies are looked at.
fn warm_up(client: &mut dyn Client, effort: &Effort, clock: Clock) -> io::Result<()> {
    const LEAST: u64 = 4;
    let begun = clock.now();
    for number in 0..Effort::WARM_UP {
        client.message().mark(number);
        client.call()?;
        if !client.message().is_answered() {
            return Err(io::Error::other("a reply is not the one to its call"));
        }
        let taken = clock.now() - begun;
        if number >= LEAST && taken > effort.budget / Effort::WARM_UP_SHARE {
            break;
        }
    }
    Ok(())
}
