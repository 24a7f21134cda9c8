// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the library remembers about its process, and a fork forgets.
//!
//! Solaris keys this state by process id. Here it lives in a page that the kernel clears in a forked child
//! (`MADV_WIPEONFORK`), which tells apart three situations that a process id alone does not:
//!
//! | the page says | and the process id | then this is |
//! |---|---|---|
//! | nothing | | a process that has made no doors yet, perhaps a fresh child (SI-41) |
//! | some id | is the same | the process that made them |
//! | some id | is another | a child of `vfork`, in its parent's memory (CR-2) |
//!
//! No fork handler is needed, so `_Fork` and a bare `clone` are treated correctly too.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};
use doors_uapi::Errno;

/// The contents of the page; all zero when fresh.
pub(crate) struct Process {
    /// Whose state this is; 0 for nobody's.
    pid: AtomicI32,
    /// The kernel clears the page in a child, so another process id means shared memory.
    wiped_on_fork: AtomicBool,
    /// The shared pool has been given its first thread (TP-10).
    has_shared_pool: AtomicBool,
    /// There is a thread that waits for unreferenced doors (TP-12).
    has_unref_thread: AtomicBool,
}

static PAGE: AtomicPtr<Process> = AtomicPtr::new(ptr::null_mut());

/// The state of the calling process, which is about to make a door.
///
/// `EOPNOTSUPP`, Linux' name for `ENOTSUP`, in a child of `vfork`.
pub(crate) fn about_to_make_a_door() -> Result<&'static Process, Errno> {
    let page = match NonNull::new(PAGE.load(Ordering::Acquire)) {
        Some(page) => page,
        None => map()?,
    };
    // SAFETY: the page is never unmapped, and all of its fields may be changed behind a shared reference.
    let process = unsafe { page.as_ref() };
    let owner = process.pid.load(Ordering::Relaxed);
    if ![0, own_pid()].contains(&owner) && process.wiped_on_fork.load(Ordering::Relaxed) {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok(process)
}

/// Whether the calling process is the last that made a door with this memory (RE-7).
pub(crate) fn makes_doors() -> bool {
    let Some(page) = NonNull::new(PAGE.load(Ordering::Acquire)) else {
        return false;
    };
    // SAFETY: as in `about_to_make_a_door`.
    let owner = unsafe { page.as_ref() }.pid.load(Ordering::Relaxed);
    owner == own_pid()
}

/// Whether the calling process makes doors, all of them private.
pub(crate) fn makes_private_doors_only() -> bool {
    let Some(page) = NonNull::new(PAGE.load(Ordering::Acquire)) else {
        return false;
    };
    // SAFETY: as in `about_to_make_a_door`.
    let process = unsafe { page.as_ref() };
    process.pid.load(Ordering::Relaxed) == own_pid()
        && !process.has_shared_pool.load(Ordering::Relaxed)
}

fn own_pid() -> libc::pid_t {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() }
}

impl Process {
    /// The calling process has made a door: the state is its own.
    ///
    /// Not before, because only the kernel knows the child of a `vfork` whose parent has made no doors; in it, nothing
    /// may be written that the parent would find.
    pub(crate) fn made_a_door(&self) {
        let pid = own_pid();
        if self.pid.load(Ordering::Relaxed) != pid {
            let wiped = wipe_on_fork(self);
            self.wiped_on_fork.store(wiped, Ordering::Relaxed);
            self.has_shared_pool.store(false, Ordering::Relaxed);
            self.has_unref_thread.store(false, Ordering::Relaxed);
            self.pid.store(pid, Ordering::Relaxed);
        }
    }

    /// True for the first caller in this process.
    pub(crate) fn claims_shared_pool(&self) -> bool {
        !self.has_shared_pool.swap(true, Ordering::Relaxed)
    }

    /// True for the first caller in this process.
    pub(crate) fn claims_unref_thread(&self) -> bool {
        !self.has_unref_thread.swap(true, Ordering::Relaxed)
    }

    /// Whoever claimed the thread could not make it.
    pub(crate) fn has_no_unref_thread(&self) {
        self.has_unref_thread.store(false, Ordering::Relaxed);
    }
}

/// Maps the page; of several threads at once, one wins.
fn map() -> Result<NonNull<Process>, Errno> {
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
    let memory = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size_of::<Process>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return Err(Errno::ENOMEM);
    }
    let fresh: *mut Process = memory.cast();
    match PAGE.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => NonNull::new(fresh).ok_or(Errno::ENOMEM),
        Err(winner) => {
            // SAFETY: nobody else has seen this mapping.
            unsafe { libc::munmap(memory, size_of::<Process>()) };
            NonNull::new(winner).ok_or(Errno::ENOMEM)
        }
    }
}

/// Asks the kernel to clear the page in children. A kernel that cannot leaves the process id to decide,
/// and children of `vfork` unnoticed.
fn wipe_on_fork(page: &Process) -> bool {
    // SAFETY: the mapping is ours, and advice about forks does not change its contents.
    unsafe {
        libc::madvise(
            ptr::from_ref(page).cast_mut().cast(),
            size_of::<Process>(),
            libc::MADV_WIPEONFORK,
        ) == 0
    }
}
