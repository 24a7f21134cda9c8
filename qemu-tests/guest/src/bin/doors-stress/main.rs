// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls from many processes at once, while everything that a scheduler can be asked for happens to those in the middle
//! of one: the other way of carrying a call has to be right then, too.
//!
//! A `seat` is a chain of server processes with a client at its end. Clients check each reply (`task`) and count on the
//! `board`. This process disturbs them (`disturb`), starts anew what it has killed, and leaves them in peace at the end:
//! then every client must get answers again. A call that nobody wakes up any more is found by that.

mod board;
mod disturb;
mod options;
mod random;
mod seat;
mod system;
mod task;

use board::Board;
use disturb::Disturber;
use options::Options;
use random::Random;
use seat::Root;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long a client may wait for an answer when nobody disturbs it.
const PATIENCE: Duration = Duration::from_secs(40);

/// How many answers each client must get in peace.
const IN_PEACE: u64 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == [task::NOTHING] {
        return ExitCode::SUCCESS;
    }
    let Some(options) = Options::of(&arguments) else {
        eprintln!("{}", options::USAGE);
        return ExitCode::from(2);
    };
    println!("doors-stress: from seed {}", options.seed);
    let board = Board::map();
    let result = Stress::begin(board, options.seed).and_then(|stress| stress.play(&options));
    println!("doors-stress: {}", board.summary());
    match result.and_then(|()| board.verdict()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("FAILED with --seed {}: {why}", options.seed);
            ExitCode::FAILURE
        }
    }
}

/// All seats, and who disturbs them.
struct Stress {
    board: &'static Board,
    random: Random,
    roots: Vec<Root>,
    disturber: Disturber,
}

impl Stress {
    fn begin(board: &'static Board, seed: u64) -> Result<Stress, String> {
        system::prefer_this_process();
        let mut random = Random::new(seed);
        let disturber = Disturber::new(board, random.next());
        let roots = board.seats.iter().enumerate();
        let roots = roots.map(|(number, seat)| Root::start(board, seat, number, random.next()));
        Ok(Stress {
            board,
            roots: roots.collect::<Result<_, _>>()?,
            random,
            disturber,
        })
    }

    fn play(mut self, options: &Options) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(options.seconds);
        while Instant::now() < end {
            system::nap(self.random.below(2000));
            self.disturber.disturb();
            self.replace_the_dead()?;
        }
        self.disturber.leave_in_peace();
        self.board.begin_peace();
        self.await_answers()
    }

    /// Starts those seats anew whose first server is gone.
    fn replace_the_dead(&mut self) -> Result<(), String> {
        for (number, root) in self.roots.iter_mut().enumerate() {
            if root.is_gone()? {
                let seat = &self.board.seats[number];
                *root = Root::start(self.board, seat, number, self.random.next())?;
            }
        }
        Ok(())
    }

    /// Every client gets answers, or something has been lost.
    fn await_answers(&mut self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            // What was killed at the very end may be found dead only now.
            self.replace_the_dead()?;
            let mut silent = (self.board.seats.iter().enumerate())
                .filter(|(_, seat)| board::get(&seat.in_peace) < IN_PEACE)
                .peekable();
            if silent.peek().is_none() {
                return Ok(());
            }
            if Instant::now() >= end {
                let mut why =
                    String::from("some clients get no answers though nobody disturbs them:");
                for (number, seat) in silent {
                    why += &format!("\nseat {number}: {}", system::look(seat));
                }
                return Err(why);
            }
            system::nap(10_000);
        }
    }
}
