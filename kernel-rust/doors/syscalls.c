// SPDX-License-Identifier: GPL-2.0
/*
 * Made by `cargo xtask codegen` from the list in uapi/src/syscalls.rs.
 * Do not edit.
 */

#include <linux/doors_syscalls.h>
#include <linux/syscalls.h>

/* Makes a door that stands for `proc` in the calling process. */
SYSCALL_DEFINE3(door_create,
		void __user *, proc,
		void __user *, cookie,
		unsigned int, attributes)
{
	return doors_sys_door_create(proc, cookie, attributes);
}

/* Calls the procedure behind a door and waits for its result. */
SYSCALL_DEFINE2(door_call,
		int, d,
		struct door_arg __user *, params)
{
	return doors_sys_door_call(d, params);
}

/* Gives a result to the caller that the thread is serving, and waits for the next. */
SYSCALL_DEFINE6(door_return,
		const u8 __user *, data_ptr,
		size_t, data_size,
		const struct door_desc __user *, desc_ptr,
		unsigned int, desc_num,
		void __user *, stack_base,
		size_t, stack_size)
{
	return doors_sys_door_return(data_ptr, data_size, desc_ptr, desc_num, stack_base, stack_size);
}

/* Makes a door take no more calls, and closes the descriptor. */
SYSCALL_DEFINE1(door_revoke,
		int, d)
{
	return doors_sys_door_revoke(d);
}

/* Describes a door, or with [`DOOR_QUERY`] the one that the thread is bound to. */
SYSCALL_DEFINE2(door_info,
		int, d,
		struct door_info __user *, info)
{
	return doors_sys_door_info(d, info);
}

/* Gives a door a name in the file system, covering the file that is there. */
SYSCALL_DEFINE2(fattach,
		int, fd,
		const char __user *, path)
{
	return doors_sys_fattach(fd, path);
}

/* Takes a name that `fattach` gave away again. */
SYSCALL_DEFINE1(fdetach,
		const char __user *, path)
{
	return doors_sys_fdetach(path);
}

/* Makes the calling thread serve this private door's calls from its next `door_return` on. */
SYSCALL_DEFINE1(door_bind,
		int, d)
{
	return doors_sys_door_bind(d);
}

/* Undoes `door_bind`: the thread joins the shared pool at its next `door_return` [TP-32]. */
SYSCALL_DEFINE0(door_unbind)
{
	return doors_sys_door_unbind();
}

/* Tells who the caller is that the thread serves. */
SYSCALL_DEFINE3(door_ucred,
		struct door_ucred __user *, ucred,
		u32 __user *, groups,
		unsigned int, groups_max)
{
	return doors_sys_door_ucred(ucred, groups, groups_max);
}

/* Reads a limit on a door's requests [PA-1]. */
SYSCALL_DEFINE3(door_getparam,
		int, d,
		int, parameter,
		size_t __user *, value)
{
	return doors_sys_door_getparam(d, parameter, value);
}

/* Changes a limit on a door's requests, for calls yet to come [PA-2, PA-3]. */
SYSCALL_DEFINE3(door_setparam,
		int, d,
		int, parameter,
		size_t, value)
{
	return doors_sys_door_setparam(d, parameter, value);
}

/* Makes the calling thread the one that waits for the process' unreferenced doors. */
SYSCALL_DEFINE0(door_unref)
{
	return doors_sys_door_unref();
}
