// SPDX-License-Identifier: MIT OR Apache-2.0
//! Credentials of any process, from `/proc/PID/status`.

use super::{fill, Ucred, GROUPS_MAX};
use crate::errno::{fail, last};
use core::ffi::{c_char, c_int, CStr};
use core::ptr;
use doors_uapi::abi::DoorUcred;
use doors_uapi::Errno;

/// `P_MYID`: the calling process.
const MYSELF: libc::pid_t = -1;

/// Tells who a process is, as it is now; null and `errno` if that cannot be told.
///
/// - `ESRCH`: no such process.
/// - `EACCES`: it is hidden.
/// - `ENOMEM`: no memory, or it has more groups than Solaris allows.
/// - `EAGAIN`: `/proc` is not what it should be.
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn ucred_get(pid: libc::pid_t) -> *mut Ucred {
    let mut ucred = ptr::null_mut();
    // SAFETY: the pointer is null.
    match unsafe { fill(&mut ucred, |groups| process(pid, groups)) } {
        Ok(()) => ucred,
        Err(error) => {
            fail(error.number());
            ptr::null_mut()
        }
    }
}

fn process(pid: libc::pid_t, groups: *mut [u32; GROUPS_MAX]) -> Result<DoorUcred, Errno> {
    let mut path = [0; 32];
    let (path, pid) = if pid == MYSELF {
        // SAFETY: has no preconditions.
        (c"/proc/thread-self/status", unsafe { libc::getpid() })
    } else {
        // SAFETY: signal 0 is sent to nobody.
        if pid <= 0 || unsafe { libc::kill(pid, 0) } != 0 && last() == libc::ESRCH {
            return Err(ESRCH);
        }
        (status_file(pid, &mut path)?, pid)
    };
    let file = File::open(path)?;
    // SAFETY: the destination of the groups is ours until `fill` returns.
    let mut status = unsafe { Status::new(groups) };
    let mut buffer = [0; 1024];
    loop {
        match file.read(&mut buffer)? {
            [] => break,
            bytes => bytes.iter().for_each(|&byte| status.take(byte)),
        }
    }
    if status.process != pid as u64 {
        // A thread's number.
        return Err(ESRCH);
    }
    status.finish(pid)
}

const ESRCH: Errno = Errno::new(libc::ESRCH);
const EACCES: Errno = Errno::EACCES;

/// Writes a path as a C string.
fn status_file(pid: libc::pid_t, path: &mut [u8; 32]) -> Result<&CStr, Errno> {
    // SAFETY: snprintf writes no more than the array holds, and ends it with a zero.
    unsafe {
        let text: *mut c_char = path.as_mut_ptr().cast();
        libc::snprintf(text, path.len(), c"/proc/%d/status".as_ptr(), pid);
    }
    CStr::from_bytes_until_nul(path).map_err(|_| Errno::EAGAIN)
}

/// An open file, closed when it goes.
struct File(c_int);

impl File {
    fn open(path: &CStr) -> Result<Self, Errno> {
        // SAFETY: a C string.
        let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        match (fd, last()) {
            (-1, libc::EMFILE | libc::ENFILE) => Err(Errno::EAGAIN),
            (-1, libc::ESRCH) => Err(ESRCH),
            // It was there a moment ago: it has died, or whoever mounted /proc hides it.
            (-1, _) => Err(EACCES),
            (fd, _) => Ok(Self(fd)),
        }
    }

    /// The next bytes; none at the end.
    fn read<'a>(&self, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
        // SAFETY: the buffer is writable.
        let size = unsafe { libc::read(self.0, buffer.as_mut_ptr().cast(), buffer.len()) };
        match usize::try_from(size) {
            Ok(size) => Ok(&buffer[..size]),
            Err(_) if last() == libc::ESRCH => Err(ESRCH),
            Err(_) => Err(Errno::EAGAIN),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours.
        unsafe { libc::close(self.0) };
    }
}

/// Which line the parser is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// At its name, of which so many bytes were seen.
    Name(usize),
    Tgid,
    Uid,
    Gid,
    Groups,
    CapInh,
    CapPrm,
    CapEff,
    Other,
}

/// What was read of the file so far: lines of a name, a colon, and numbers with white space between.
struct Status {
    line: Line,
    name: [u8; 8],
    /// The number that the parser is in, and how many it has left behind in this line.
    number: Option<u64>,
    index: usize,
    process: u64,
    /// Real, effective, saved.
    uids: [u32; 3],
    gids: [u32; 3],
    capabilities: [u64; 3],
    groups: *mut [u32; GROUPS_MAX],
    groups_seen: usize,
    ids_seen: usize,
}

impl Status {
    /// # Safety
    /// Nobody else uses `groups` while this exists.
    unsafe fn new(groups: *mut [u32; GROUPS_MAX]) -> Self {
        Self {
            line: Line::Name(0),
            name: [0; 8],
            number: None,
            index: 0,
            process: 0,
            uids: [0; 3],
            gids: [0; 3],
            capabilities: [0; 3],
            groups,
            groups_seen: 0,
            ids_seen: 0,
        }
    }

    fn take(&mut self, byte: u8) {
        if let Line::Name(seen) = self.line {
            if byte == b':' {
                self.line = self.line_called(seen);
                self.index = 0;
            } else {
                if let Some(place) = self.name.get_mut(seen) {
                    *place = byte;
                }
                self.line = Line::Name(seen + 1);
            }
            return;
        }
        let base = match self.line {
            Line::CapInh | Line::CapPrm | Line::CapEff => 16,
            _ => 10,
        };
        match char::from(byte).to_digit(base) {
            Some(digit) => {
                let number = self.number.unwrap_or(0).wrapping_mul(base.into());
                self.number = Some(number.wrapping_add(digit.into()));
            }
            None => {
                if let Some(number) = self.number.take() {
                    self.note(number);
                    self.index += 1;
                }
            }
        }
        if byte == b'\n' {
            self.line = Line::Name(0);
        }
    }

    fn line_called(&self, seen: usize) -> Line {
        match self.name.get(..seen) {
            Some(b"Tgid") => Line::Tgid,
            Some(b"Uid") => Line::Uid,
            Some(b"Gid") => Line::Gid,
            Some(b"Groups") => Line::Groups,
            Some(b"CapInh") => Line::CapInh,
            Some(b"CapPrm") => Line::CapPrm,
            Some(b"CapEff") => Line::CapEff,
            _ => Line::Other,
        }
    }

    fn note(&mut self, number: u64) {
        // Ids have 32 bits; the kernel writes no more.
        let id = number as u32;
        match self.line {
            Line::Tgid => self.process = number,
            Line::Uid | Line::Gid => {
                let ids = match self.line {
                    Line::Uid => &mut self.uids,
                    _ => &mut self.gids,
                };
                if let Some(place) = ids.get_mut(self.index) {
                    *place = id;
                    self.ids_seen += 1;
                }
            }
            Line::Groups => {
                if self.groups_seen < GROUPS_MAX {
                    // SAFETY: the array is ours, by `new`, and as long.
                    unsafe { self.groups.cast::<u32>().add(self.groups_seen).write(id) };
                }
                self.groups_seen += 1;
            }
            Line::CapInh => self.capabilities[0] = number,
            Line::CapPrm => self.capabilities[1] = number,
            Line::CapEff => self.capabilities[2] = number,
            Line::Other | Line::Name(_) => {}
        }
    }

    fn finish(self, pid: libc::pid_t) -> Result<DoorUcred, Errno> {
        if self.ids_seen != self.uids.len() + self.gids.len() {
            return Err(Errno::EAGAIN);
        }
        if self.groups_seen > GROUPS_MAX {
            return Err(Errno::ENOMEM);
        }
        let [ruid, euid, suid] = self.uids;
        let [rgid, egid, sgid] = self.gids;
        let [inheritable, permitted, effective] = self.capabilities;
        Ok(DoorUcred {
            effective,
            permitted,
            inheritable,
            euid,
            ruid,
            suid,
            egid,
            rgid,
            sgid,
            pid,
            // At most GROUPS_MAX.
            groups: self.groups_seen as u32,
        })
    }
}
