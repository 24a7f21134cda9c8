// SPDX-License-Identifier: GPL-2.0

//! Memory of the current process (DA-1, DA-21).

use crate::abi;
use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::UserSlice,
};

// SAFETY: The ABI types are integers without padding; every bit pattern is one.
unsafe impl FromBytes for abi::DoorArg {}
// SAFETY: As above.
unsafe impl AsBytes for abi::DoorArg {}
// SAFETY: As above.
unsafe impl FromBytes for abi::DoorDesc {}
// SAFETY: As above.
unsafe impl AsBytes for abi::DoorDesc {}
// SAFETY: As above.
unsafe impl AsBytes for abi::DoorInfo {}
// SAFETY: As above.
unsafe impl AsBytes for abi::DoorUcred {}

/// What is read and written word by word: bytes at most.
pub(crate) const WORDS_MAX: usize = 64;

/// Reads `size` bytes of the current process at `address`, at most [`WORDS_MAX`] and as many as
/// there is room for. `EFAULT`.
#[inline]
pub(crate) fn read_words(words: &mut [u64], address: usize, size: usize) -> Result {
    let size = size.min(size_of_val(words));
    // SAFETY: There is room for that many bytes; the address may be anything.
    let status = unsafe {
        bindings::doors_read_words(
            words.as_mut_ptr(),
            UserPtr::from_addr(address).as_const_ptr(),
            size,
        )
    };
    done(status)
}

/// Writes the first `size` bytes to the current process at `address`. `EFAULT`.
#[inline]
pub(crate) fn write_words(address: usize, words: &[u64], size: usize) -> Result {
    let size = size.min(size_of_val(words));
    // SAFETY: There are that many bytes; the address may be anything.
    let status = unsafe {
        bindings::doors_write_words(
            UserPtr::from_addr(address).as_mut_ptr(),
            words.as_ptr(),
            size,
        )
    };
    done(status)
}

/// What came of it.
#[inline]
fn done(status: c_int) -> Result {
    if status == 0 {
        Ok(())
    } else {
        Err(EFAULT)
    }
}

/// Does some work in which an access to memory that is not there fails with `EFAULT` at once.
#[inline]
pub(crate) fn without_faults<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: Undone below.
    unsafe { bindings::pagefault_disable() };
    let result = work();
    // SAFETY: Done above.
    unsafe { bindings::pagefault_enable() };
    result
}

/// Appends `size` bytes of the current process at `address`.
///
/// # Errors
///
/// `EFAULT`, or `ENOMEM`.
pub(crate) fn read(data: &mut KVVec<u8>, address: usize, size: usize) -> Result {
    UserSlice::new(UserPtr::from_addr(address), size)
        .read_all(data, GFP_KERNEL_ACCOUNT | __GFP_NOWARN)
}

/// Writes `data` to the current process at `address`. `EFAULT`.
pub(crate) fn write(address: usize, data: &[u8]) -> Result {
    if data.is_empty() {
        return Ok(());
    }
    UserSlice::new(UserPtr::from_addr(address), data.len())
        .writer()
        .write_slice(data)
}

/// Writes `data` to the stack of the current process at `address`, from high addresses to low ones,
/// so that a guard page is hit before what lies beyond (DA-16). `EFAULT`.
pub(crate) fn write_stack(address: usize, data: &[u8]) -> Result {
    let mut rest = data;
    while !rest.is_empty() {
        let start = (rest.len() - 1) / PAGE_SIZE * PAGE_SIZE;
        let (before, chunk) = rest.split_at(start);
        write(address.wrapping_add(start), chunk)?;
        rest = before;
    }
    Ok(())
}

/// Reads one object of the current process at `address`. `EFAULT`.
#[inline]
pub(crate) fn read_object<T: FromBytes>(address: usize) -> Result<T> {
    const { assert!(size_of::<T>() <= WORDS_MAX && align_of::<T>() <= align_of::<u64>()) };
    let mut words = [0u64; WORDS_MAX / size_of::<u64>()];
    read_words(&mut words, address, size_of::<T>())?;
    // SAFETY: The words are at least as large and as aligned as the object, of which every bit
    // pattern is one.
    Ok(unsafe { words.as_ptr().cast::<T>().read() })
}

/// Writes one object to the current process at `address`. `EFAULT`.
#[inline]
pub(crate) fn write_object<T: AsBytes>(address: usize, object: &T) -> Result {
    if align_of::<T>() < align_of::<u64>() || size_of::<T>() > WORDS_MAX {
        return UserSlice::new(UserPtr::from_addr(address), size_of::<T>())
            .writer()
            .write(object);
    }
    let words = core::ptr::from_ref(object).cast::<u64>();
    // SAFETY: The object is aligned for words, and is made of whole ones, as its size is a multiple
    // of its alignment; it has no bytes that are not initialized.
    let words = unsafe { core::slice::from_raw_parts(words, size_of::<T>() / size_of::<u64>()) };
    write_words(address, words, size_of::<T>())
}

/// Makes sure that memory of the current process is there to be copied by [`crate::across`].
/// `EFAULT` if it cannot be.
pub(crate) fn fault_in(address: usize, size: usize) -> Result {
    // SAFETY: Only touches user memory, wherever the address points to.
    let rest = unsafe {
        bindings::fault_in_readable(UserPtr::from_addr(address).as_const_ptr().cast(), size)
    };
    if rest != 0 {
        return Err(EFAULT);
    }
    Ok(())
}
