// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the host and the guest's PID 1 say to each other.
//!
//! The host lays a [`Plan`] into the initramfs. PID 1 carries it out and reports [`Event`]s, one JSON object per
//! line, on a virtio-serial port of its own, so that no program's output and no kernel message can be mistaken for
//! a result. The host may answer with [`Order`]s on the same port. Time limits are the host's: it alone has a clock
//! that goes on when the guest kernel hangs.

use serde::{Deserialize, Serialize};

pub mod bench;
pub mod splat;

/// Where the plan lies in the guest.
pub const PLAN_PATH: &str = "/etc/doors/plan.json";

/// The port that events and orders go over.
pub const CONTROL_PORT: &str = "doors.control";
/// The port that a streamed job's standard output goes to.
pub const STDOUT_PORT: &str = "doors.stdout";
/// The port that a streamed job's standard error goes to.
pub const STDERR_PORT: &str = "doors.stderr";

/// What `execve` failing is turned into, as in every shell: the file is not there.
pub const STATUS_NOT_FOUND: i32 = 127;
/// The file is there and cannot be executed.
pub const STATUS_NOT_EXECUTABLE: i32 = 126;

/// Everything PID 1 is to do in one boot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The jobs, in their order.
    pub jobs: Vec<Job>,
    /// Collect what KUnit found while the kernel booted.
    pub kunit: bool,
    /// Have kmemleak look for memory that the jobs made the kernel lose.
    pub kmemleak: bool,
    /// Instead of jobs: a shell on the console.
    pub shell: Option<Shell>,
}

/// One program to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What it finds in its environment besides the usual.
    pub env: Vec<(String, String)>,
    /// Where its output goes.
    pub output: Output,
}

/// Where a job's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Byte for byte to [`STDOUT_PORT`] and [`STDERR_PORT`], as it comes.
    Stream,
    /// Both in one, in the order written, into [`Event::JobEnded`].
    Capture,
}

/// An interactive shell on the serial console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shell {
    /// The host terminal's lines and columns, which a serial line cannot tell.
    pub size: Option<(u16, u16)>,
    /// The host terminal's `TERM`.
    pub term: String,
}

/// How a job came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It exited with this status.
    Exited(i32),
    /// It was killed by this signal.
    Signalled(i32),
    /// It was killed because the host ordered so.
    Stopped,
    /// It could not be started; with the error number of the attempt.
    CannotStart(i32),
}

impl Ending {
    /// The exit status a shell would give this ending. A [`Ending::Stopped`] job was out of time: 124, as with
    /// timeout(1).
    pub fn status(&self) -> i32 {
        const ENOENT: i32 = 2;
        const ENOTDIR: i32 = 20;
        match *self {
            Ending::Exited(status) => status,
            Ending::Signalled(signal) => 128 + signal,
            Ending::Stopped => 124,
            Ending::CannotStart(ENOENT | ENOTDIR) => STATUS_NOT_FOUND,
            Ending::CannotStart(_) => STATUS_NOT_EXECUTABLE,
        }
    }
}

/// What PID 1 reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// PID 1 is up and the machine is furnished. `splats` is what the kernel complained about while it booted.
    Up {
        /// The kernel's release, as `uname -r` prints it.
        release: String,
        /// The kernel's complaints so far.
        splats: Vec<String>,
    },
    /// The job with this index in the plan has been started.
    JobStarted(usize),
    /// A job is over: it has been reaped, everything it left running has been killed, its output is complete.
    JobEnded {
        /// Its index in the plan.
        job: usize,
        /// How it ended.
        ending: Ending,
        /// What it printed, when captured.
        output: String,
        /// How many bytes went to the streams (standard output, standard error), when streamed.
        streamed: (u64, u64),
        /// What the kernel complained about since the last report.
        splats: Vec<String>,
    },
    /// One KUnit suite's results, in KTAP.
    Kunit {
        /// The suite's name.
        suite: String,
        /// Its part of the log.
        ktap: String,
    },
    /// What kmemleak reported after the jobs; empty is good.
    Kmemleak(String),
    /// PID 1 could not do its own work.
    Failed(String),
    /// There is nothing more to do. PID 1 waits for [`Order::PowerOff`], so that the host can first collect all output.
    Done,
}

/// What the host orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Kill this job, if it is still the one running: it is out of time.
    Stop(usize),
    /// Everything has arrived.
    PowerOff,
}

/// Writes `message` as the line that [`decode`] reads.
pub fn encode<T: Serialize>(message: &T) -> String {
    let mut line = serde_json::to_string(message).expect("plain data always has a JSON form");
    line.push('\n');
    line
}

/// Reads one line made by [`encode`].
pub fn decode<T: for<'de> Deserialize<'de>>(line: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_the_trip() {
        let event = Event::JobEnded {
            job: 3,
            ending: Ending::Signalled(11),
            output: "two\nlines\u{fffd}".into(),
            streamed: (0, 1),
            splats: vec!["WARNING: x".into()],
        };
        let line = encode(&event);
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(decode::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn endings_have_the_statuses_of_a_shell() {
        assert_eq!(Ending::Exited(7).status(), 7);
        assert_eq!(Ending::Signalled(9).status(), 137);
        assert_eq!(Ending::Stopped.status(), 124);
        assert_eq!(Ending::CannotStart(2).status(), 127);
        assert_eq!(Ending::CannotStart(13).status(), 126);
        assert_eq!(Ending::CannotStart(8).status(), 126);
    }
}
