// SPDX-License-Identifier: MIT OR Apache-2.0
//! Server threads: who makes them, and what the default ones do.

use super::{door_return, ServerFunction};
use crate::debug;
use crate::pthread::{pthread_setcancelstate, PTHREAD_CANCEL_DISABLE};
use core::ffi::c_void;
use core::mem::{transmute, MaybeUninit};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};
use doors_uapi::abi::DoorInfo;

/// The stack of a default server thread, as on 64-bit Solaris (TP-15). It bounds what a request may
/// hold (DA-15), so it does not follow the resource limit that Linux would take it from.
const STACK_SIZE: usize = 2 << 20;

/// The function in force; null for the default one.
static FUNCTION: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// The address of a function, as the cell keeps it.
fn address(function: ServerFunction) -> *mut c_void {
    function as *mut c_void
}

fn function(address: *mut c_void) -> ServerFunction {
    if address.is_null() {
        return default_server_function;
    }
    // SAFETY: what is not null in the cell was put there by `replace`, from a function of this type.
    unsafe { transmute::<*mut c_void, ServerFunction>(address) }
}

/// Puts another function in force. Null means the default one, where Solaris would call address 0.
pub(super) fn replace(new: Option<ServerFunction>) -> Option<ServerFunction> {
    let new = new.map_or(ptr::null_mut(), address);
    Some(function(FUNCTION.swap(new, Ordering::AcqRel)))
}

/// Whether the program has a function of its own in force.
pub(crate) fn is_the_programs() -> bool {
    !FUNCTION.load(Ordering::Acquire).is_null()
}

/// Has a thread made for a private door's pool, or with null for the shared one (SC-2).
pub(crate) fn needs_thread(info: *mut DoorInfo) {
    let function = function(FUNCTION.load(Ordering::Acquire));
    // SAFETY: the program says that this function makes its threads; `info` is null or what it
    // expects there.
    unsafe { function(info) }
}

/// The default function: one more thread for the shared pool, whatever was asked for (TP-13, TP-14).
///
/// A thread that cannot be had is not reported (TP-16): callers wait for one that exists.
unsafe extern "C" fn default_server_function(info: *mut DoorInfo) {
    if !info.is_null() {
        debug::unbound_pool();
    }
    detached_thread(server_thread);
}

/// Makes a thread that nobody waits for, of the default size; was one to be had?
///
/// It inherits signal mask and scheduling from the calling one (TP-15), and is given nothing.
pub(super) fn detached_thread(start: extern "C" fn(*mut c_void) -> *mut c_void) -> bool {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut thread = 0;
    // SAFETY: the attributes are initialised before they are used, and destroyed once. The new thread is
    // given nothing that could go away.
    unsafe {
        if libc::pthread_attr_init(attributes.as_mut_ptr()) != 0 {
            return false;
        }
        libc::pthread_attr_setdetachstate(attributes.as_mut_ptr(), libc::PTHREAD_CREATE_DETACHED);
        libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK_SIZE);
        let error = libc::pthread_create(&mut thread, attributes.as_ptr(), start, ptr::null_mut());
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        error == 0
    }
}

/// Serves until something ends the thread; `door_return` comes back only to say that it cannot (RE-8).
extern "C" fn server_thread(_: *mut c_void) -> *mut c_void {
    // SAFETY: a default thread is not cancellable unless its procedure says so (TP-13, DX-8); parking with
    // nothing to return needs no memory.
    unsafe {
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, ptr::null_mut());
        door_return(ptr::null_mut(), 0, ptr::null_mut(), 0);
    }
    ptr::null_mut()
}
