// SPDX-License-Identifier: GPL-2.0

#include <linux/cred.h>
#include <linux/doors.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <linux/mount.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/thread_info.h>
#include <linux/uaccess.h>

__rust_helper void rust_helper_set_current_state(unsigned int state)
{
	set_current_state(state);
}

__rust_helper void rust_helper___set_current_state(unsigned int state)
{
	__set_current_state(state);
}

__rust_helper int rust_helper_fatal_signal_pending(struct task_struct *task)
{
	return fatal_signal_pending(task);
}

__rust_helper struct pt_regs *rust_helper_current_pt_regs(void)
{
	return current_pt_regs();
}

__rust_helper void rust_helper_task_lock(struct task_struct *task)
{
	task_lock(task);
}

__rust_helper void rust_helper_task_unlock(struct task_struct *task)
{
	task_unlock(task);
}

__rust_helper struct fdtable *rust_helper_files_fdtable(struct files_struct *files)
{
	return files_fdtable(files);
}

__rust_helper struct mnt_idmap *rust_helper_mnt_idmap(const struct vfsmount *mnt)
{
	return mnt_idmap(mnt);
}

__rust_helper void rust_helper_sb_get_active(struct super_block *sb)
{
	atomic_inc(&sb->s_active);
}

__rust_helper int rust_helper_mmap_read_lock_killable(struct mm_struct *mm)
{
	return mmap_read_lock_killable(mm);
}

__rust_helper void rust_helper_pagefault_disable(void)
{
	pagefault_disable();
}

__rust_helper void rust_helper_pagefault_enable(void)
{
	pagefault_enable();
}

/* Reads at most 64 bytes, the last ones into the low bytes of the last word. */
__rust_helper int rust_helper_doors_read_words(u64 *to, const void __user *from,
					       size_t size)
{
	if (!user_read_access_begin(from, size))
		return -EFAULT;
	for (; size >= sizeof(u64); size -= sizeof(u64), from += sizeof(u64))
		unsafe_get_user(*to++, (const u64 __user *)from, fault);
	if (unlikely(size)) {
		u64 last = 0;
		u8 byte;

		while (size--) {
			unsafe_get_user(byte, (const u8 __user *)from + size, fault);
			last = last << 8 | byte;
		}
		*to = last;
	}
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

__rust_helper int rust_helper_doors_write_words(void __user *to, const u64 *from,
						size_t size)
{
	if (!user_write_access_begin(to, size))
		return -EFAULT;
	for (; size >= sizeof(u64); size -= sizeof(u64), to += sizeof(u64))
		unsafe_put_user(*from++, (u64 __user *)to, fault);
	if (unlikely(size)) {
		u64 last = *from;

		for (; size--; to++, last >>= 8)
			unsafe_put_user((u8)last, (u8 __user *)to, fault);
	}
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/*
 * Looks at an address space, without preemption and page faults. One's own must
 * not be left: unuse_temporary_mm() would take this CPU off its mask.
 */
__rust_helper struct mm_struct *rust_helper_doors_use_mm(struct mm_struct *mm)
{
	preempt_disable();
	pagefault_disable();
	return mm == current->mm ? NULL : use_temporary_mm(mm);
}

__rust_helper void rust_helper_doors_unuse_mm(struct mm_struct *before)
{
	if (before)
		unuse_temporary_mm(before);
	pagefault_enable();
	preempt_enable();
}

/* A file, and in the low bits of its address what fdput() has to know. */
__rust_helper unsigned long rust_helper_doors_fdget(unsigned int fd)
{
	return fdget(fd).word;
}

__rust_helper void rust_helper_cond_resched(void)
{
	cond_resched();
}

__rust_helper long
rust_helper_set_restart_fn(long (*fn)(struct restart_block *))
{
	return set_restart_fn(&current->restart_block, fn);
}

__rust_helper unsigned long rust_helper_file_count(struct file *file)
{
	return file_count(file);
}

__rust_helper void rust_helper_unlock_task_sighand(struct task_struct *task,
						   unsigned long *flags)
{
	unlock_task_sighand(task, flags);
}

#ifndef CONFIG_USER_NS
__rust_helper uid_t rust_helper_from_kuid_munged(struct user_namespace *to,
						 kuid_t uid)
{
	return from_kuid_munged(to, uid);
}

__rust_helper gid_t rust_helper_from_kgid_munged(struct user_namespace *to,
						 kgid_t gid)
{
	return from_kgid_munged(to, gid);
}
#endif
