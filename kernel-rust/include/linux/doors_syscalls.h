/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Made by `cargo xtask codegen` from the list in uapi/src/syscalls.rs.
 * Do not edit.
 */
#ifndef _LINUX_DOORS_SYSCALLS_H
#define _LINUX_DOORS_SYSCALLS_H

#include <linux/types.h>
#include <uapi/linux/doors.h>

long doors_sys_door_create(void __user *proc, void __user *cookie,
		unsigned int attributes);
long doors_sys_door_call(int d, struct door_arg __user *params);
long doors_sys_door_return(const u8 __user *data_ptr,
		size_t data_size, const struct door_desc __user *desc_ptr,
		unsigned int desc_num, void __user *stack_base,
		size_t stack_size);
long doors_sys_door_revoke(int d);
long doors_sys_door_info(int d, struct door_info __user *info);
long doors_sys_fattach(int fd, const char __user *path);
long doors_sys_fdetach(const char __user *path);
long doors_sys_door_bind(int d);
long doors_sys_door_unbind(void);
long doors_sys_door_ucred(struct door_ucred __user *ucred,
		u32 __user *groups, unsigned int groups_max);
long doors_sys_door_getparam(int d, int parameter,
		size_t __user *value);
long doors_sys_door_setparam(int d, int parameter, size_t value);
long doors_sys_door_unref(void);

#endif /* _LINUX_DOORS_SYSCALLS_H */
