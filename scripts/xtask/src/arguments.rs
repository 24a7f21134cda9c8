// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line. Other people's scripts rely on it: what is here is a promise.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use doors_host::guest::add::Added;
use doors_host::library;
use doors_host::linux::config::Flavour;
use doors_host::linux::image::Origin;
use doors_host::paths::Paths;
use doors_host::run::{self, MachineOptions};
use doors_host::setup::toolchain::Choice;
use doors_host::{bench, codegen, patches, test};

/// Solaris doors for Linux: build, boot, try and test.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the demo: Solaris door programs on the patched kernel; builds what is missing
    Demo(Demo),
    /// Run every test; ends with `N passed, N failed`
    Test(Test),
    /// Run a command in the patched kernel, with its output and its exit status
    Run(Run),
    /// Call the C compiler with this tree's headers and library
    Cc(Cc),
    /// Compare doors with the other ways to call another process
    Bench(Bench),
    /// Open a shell in the patched kernel
    Shell(Shell),
    /// Build the kernel image and print where it is
    Kernel(Kernel),
    /// Work on the series in linux-patches/
    Patches(Patches),
    /// Write everything that is made from the list of system calls
    Codegen(Codegen),
}

impl Command {
    /// Does it; returns the exit status.
    pub(crate) fn carry_out(self, paths: &Paths) -> Result<i32> {
        match self {
            Command::Demo(demo) => doors_host::demo::play(paths, demo.machine.options()),
            Command::Test(test) => test.carry_out(paths),
            Command::Run(run) => run.carry_out(paths),
            Command::Cc(cc) => library::compile(paths, &cc.arguments),
            Command::Bench(bench) => doors_host::bench::run(paths, &bench.options()),
            Command::Shell(shell) => {
                doors_host::shell::run(paths, &shell.machine.options(), shell.add)
            }
            Command::Kernel(kernel) => kernel.carry_out(paths),
            Command::Patches(patches) => patches.carry_out(paths),
            Command::Codegen(codegen) => codegen.carry_out(paths),
        }
    }
}

/// Where the kernel comes from
#[derive(Debug, Args)]
pub(crate) struct OriginArguments {
    /// Use this source of Linux 7.3.y, a directory or a tar ball, instead of Debian's (copied, and not looked at again
    /// until its Makefile changes)
    #[arg(long, value_name = "PATH", env = "DOORS_LINUX_SOURCE", global = true)]
    linux_source: Option<PathBuf>,
    /// Who compiles the kernel: this host's compilers, a Debian build root, or whichever works
    #[arg(
        long,
        value_name = "auto|host|root",
        env = "DOORS_TOOLCHAIN",
        default_value = "auto",
        global = true
    )]
    toolchain: Choice,
    /// Boot this kernel image; nothing is built
    #[arg(long, value_name = "FILE", env = "DOORS_BZIMAGE", global = true)]
    bzimage: Option<PathBuf>,
}

impl OriginArguments {
    fn origin(self) -> Origin {
        Origin {
            linux: self.linux_source,
            toolchain: self.toolchain,
            image: self.bzimage,
        }
    }
}

/// What kind of machine
#[derive(Debug, Args)]
pub(crate) struct MachineArguments {
    /// Which kernel
    #[arg(long, value_name = "default|debug", default_value = "default")]
    kernel: Flavour,
    /// How many processors
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8))]
    smp: u32,
    /// How much memory, in MiB [default: 512, for the debug kernel 2048]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(64..))]
    memory: Option<u32>,
    /// Let the guest's clock count instructions instead of time, on one processor: two runs agree
    #[arg(long)]
    icount: bool,
    #[command(flatten)]
    origin: OriginArguments,
}

impl MachineArguments {
    fn options(self) -> MachineOptions {
        MachineOptions {
            flavour: self.kernel,
            smp: self.smp,
            memory: self.memory,
            icount: self.icount,
            origin: self.origin.origin(),
        }
    }
}

const RUN_HELP: &str = "\
Exit status: the command's; 128 + N when signal N killed it; 126 when it cannot be executed, 127 when there is no such
command; 124 when it was out of time; 70 when the kernel panicked, oopsed or printed a warning, lockdep, KASAN, RCU or
similar splat, whatever the command returned; 69 when the machine could not be built or booted; 2 for a mistake in the
arguments.";

/// Boots, adds files, runs the command as root, passes its output through, exits with its status
#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
pub(crate) struct Run {
    #[command(flatten)]
    machine: MachineArguments,
    /// Stop the command after this many seconds; 0: never
    #[arg(long, value_name = "S", default_value_t = 600.0, value_parser = seconds)]
    timeout: f64,
    /// Bring a file or directory along, programs together with the shared libraries they need. Without GUEST it is
    /// /NAME in the guest, and also has the path it was given by here, if that is absolute
    #[arg(long, value_name = "HOST[:GUEST]")]
    add: Vec<Added>,
    /// Tell the kernel this, too, as on a boot loader's command line: one word, such as sched_proxy_exec=0
    #[arg(long, value_name = "ARG")]
    kernel_arg: Vec<String>,
    /// The command and its arguments. It begins in /, its standard input is empty
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Run {
    fn carry_out(self, paths: &Paths) -> Result<i32> {
        let options = run::Options {
            machine: self.machine.options(),
            timeout: (self.timeout > 0.0).then(|| Duration::from_secs_f64(self.timeout)),
            added: self.add,
            kernel_arguments: self.kernel_arg,
            command: self.command,
        };
        run::run(paths, &options)
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..1e9).contains(&seconds) => Ok(seconds),
        _ => Err("it is a number of seconds".into()),
    }
}

/// Builds the kernel image
#[derive(Debug, Args)]
pub(crate) struct Kernel {
    /// Which kernel
    #[arg(long, value_name = "default|debug", default_value = "default")]
    kernel: Flavour,
    #[command(flatten)]
    origin: OriginArguments,
}

impl Kernel {
    fn carry_out(self, paths: &Paths) -> Result<i32> {
        let _lock = doors_host::cache::lock(paths)?;
        let image = doors_host::linux::image::build(paths, self.kernel, &self.origin.origin())?;
        println!("{}", Paths::show(&image));
        Ok(0)
    }
}

/// Plays the demo
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    machine: MachineArguments,
}

/// Runs the tests
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only tests whose name, as in `guest/default::call_returns`, contains one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Only the guest tests, on this kernel [default: all tests, and both kernels]
    #[arg(long, value_name = "default|debug")]
    kernel: Option<Flavour>,
    /// Also write a report there, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    origin: OriginArguments,
}

impl Test {
    fn carry_out(self, paths: &Paths) -> Result<i32> {
        let options = test::Options {
            filters: self.filters,
            flavour: self.kernel,
            junit: self.junit,
            origin: self.origin.origin(),
        };
        test::run(paths, &options)
    }
}

const CC_HELP: &str = "\
The compiler is $CC, else cc. It gets the arguments with this tree's headers before and, when it links, its library
after them. `cargo xtask run --add PROGRAM` brings the shared library along; with -static nothing needs to be brought.";

/// Calls the C compiler; exits with its status
#[derive(Debug, Args)]
#[command(after_help = CC_HELP)]
pub(crate) struct Cc {
    /// What to tell the compiler
    #[arg(last = true, required = true, value_name = "ARG")]
    arguments: Vec<OsString>,
}

const BENCH_HELP: &str = "\
Figures go to standard output as tables, to target/report/bench as SVG, and with --json to FILE: an array of objects with
path, payload_bytes, reply_bytes, descriptors, cpus, clients, hogs, and instructions_p50, instructions_min and so on with
--icount, ns_p50, ns_p99 and so on without it or where two processors are needed. Each says in `what` what it measures.
Times are good for ratios within one boot; instructions are the same in every run.";

/// Compares doors with the other ways to call another process
#[derive(Debug, Args)]
#[command(after_help = BENCH_HELP)]
pub(crate) struct Bench {
    /// Count instructions instead of time; what needs two processors is measured by time all the same
    #[arg(long)]
    icount: bool,
    /// Also write the figures there, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only small messages, sizes, replies, descriptors and chains, and fewer samples of them
    #[arg(long)]
    quick: bool,
    /// Only these, for instance pipe,door-wake
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    only: Vec<String>,
    /// Write qemu-tests/bench-baseline.json instead, which the tests hold calls of doors against
    #[arg(long, conflicts_with_all = ["json", "quick", "only"])]
    update_baseline: bool,
    /// Which kernel
    #[arg(long, value_name = "default|debug", default_value = "default")]
    kernel: Flavour,
    #[command(flatten)]
    origin: OriginArguments,
}

impl Bench {
    fn options(self) -> bench::Options {
        bench::Options {
            icount: self.icount,
            json: self.json,
            flavour: self.kernel,
            origin: self.origin.origin(),
            quick: self.quick,
            only: self.only,
            update_baseline: self.update_baseline,
        }
    }
}

/// Opens a shell
#[derive(Debug, Args)]
pub(crate) struct Shell {
    #[command(flatten)]
    machine: MachineArguments,
    /// Bring a file or directory along, as with `run`
    #[arg(long, value_name = "HOST[:GUEST]")]
    add: Vec<Added>,
}

/// Works on the series
#[derive(Debug, Args)]
pub(crate) struct Patches {
    #[command(subcommand)]
    action: PatchesAction,
    #[command(flatten)]
    origin: OriginArguments,
}

#[derive(Debug, Subcommand)]
enum PatchesAction {
    /// Make a git tree of the kernel in target/linux, with one commit for each patch
    Apply,
    /// Make the series of the commits in that tree
    Refresh,
    /// Build after each patch, with doors off and on
    Check,
}

impl Patches {
    fn carry_out(self, paths: &Paths) -> Result<i32> {
        let origin = self.origin.origin();
        match self.action {
            PatchesAction::Apply => patches::apply(paths, &origin),
            PatchesAction::Refresh => patches::refresh(paths),
            PatchesAction::Check => patches::check(paths, &origin),
        }?;
        Ok(0)
    }
}

/// Writes what is made from the list of system calls
#[derive(Debug, Args)]
pub(crate) struct Codegen {
    /// Write nothing, and fail if anything would be written
    #[arg(long)]
    check: bool,
}

impl Codegen {
    fn carry_out(self, paths: &Paths) -> Result<i32> {
        let mode = if self.check {
            codegen::Mode::Check
        } else {
            codegen::Mode::Overwrite
        };
        codegen::run(paths, mode)?;
        Ok(0)
    }
}
