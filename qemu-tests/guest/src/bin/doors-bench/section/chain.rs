// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers that call servers: what does each level of a nested call cost?

use std::io;

use doors_protocol::bench::Section;

use super::{row, with_tally, Bench};
use crate::measure::{Effort, Group, Server};
use crate::peer::door::{Service, Work};
use crate::peer::{Path, Shape, REQUEST};
use crate::process::Cpus;

/// How many servers one call goes through.
pub(super) const DEPTHS: [usize; 4] = [1, 2, 4, 8];

pub(super) fn ask(bench: &Bench, path: &dyn Path) -> io::Result<()> {
    let (shape, cpus) = (Shape::of(REQUEST), Cpus::Only(0));
    let effort = Effort {
        budget: bench.options.budget(10),
        kept: 2000,
        endless: false,
        pause: None,
    };
    let mut first = None;
    for depth in DEPTHS {
        cpus.keep_to()?;
        // From the last server, which answers, to the first, which the client calls.
        let (mut servers, mut doors) = (Vec::new(), Vec::new());
        let mut work = Work::Nothing;
        for _ in 1..depth {
            let service = Service::new(&shape, 1, work)?;
            servers.push(Server::start(&service)?);
            let door = service.fetch()?;
            work = Work::CallOn(door.number());
            doors.push(door);
        }
        let service = Box::new(Service::new(&shape, 1, work)?);
        let group = Group::start(service, 1, &effort, bench.clock)?;
        group.go(effort.budget);
        let tally = group.finish()?;
        let mut row = with_tally(row(Section::Chain, path, &shape, cpus, 0), &tally);
        row.what = format!(
            "A call through {depth} servers in a row, each in a process of its own. {}",
            row.what
        );
        row.measures.insert("depth".into(), depth as f64);
        let median = tally.times.p50 as f64;
        if let Some((shallow, least)) = first {
            let levels = (depth - shallow) as f64;
            row.measures
                .insert("time_per_level".into(), (median - least) / levels);
        }
        first = first.or(Some((depth, median)));
        bench.output.row(row);
    }
    Ok(())
}
