/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Doors: where the rest of the kernel tells the subsystem about the end of
 * threads and processes and about signal handlers, and asks it about names.
 *
 * The former is one test of two pointers for whoever never used a door, and is
 * implemented in ipc/doors/exit.rs.
 */
#ifndef _LINUX_DOORS_H
#define _LINUX_DOORS_H

#include <linux/sched.h>
#include <linux/sched/signal.h>

#ifdef CONFIG_DOORS

struct super_block;

/*
 * Wakes @to and sleeps: like wake_up_process(@to); schedule(), but wherever it
 * can it switches straight to @to, on this CPU and on what is left of the slice
 * of current. @to must not go away meanwhile. In kernel/sched/handoff.h.
 */
void schedule_handoff(struct task_struct *to);

/* Who runs on the scheduling context of @p, which sleeps; NULL for nobody. */
static inline struct task_struct *handoff_donee(const struct task_struct *p)
{
	return p->handoff_donee;
}

/* Is this the file system of attached names? In ipc/doors/namefs.rs. */
bool doors_is_name(const struct super_block *sb);

/* For the inline functions below only. */
void __doors_exit_thread(void);
void __doors_exit_process(void);
void __doors_revoke_all(void);
void __doors_signal_delivered(void);

/* Has the current thread or its process ever used a door? */
static inline bool doors_used(void)
{
	return unlikely(current->doors || current->signal->doors);
}

/* The current thread starts to exit; its process may live on. */
static inline void doors_exit_thread(void)
{
	if (doors_used())
		__doors_exit_thread();
}

/* The last thread of the process exits, or exec has made it a new program. */
static inline void doors_exit_process(void)
{
	if (doors_used())
		__doors_exit_process();
}

/* The process is about to die, its core may be dumped first. */
static inline void doors_revoke_all(void)
{
	if (doors_used())
		__doors_revoke_all();
}

/* A handler is about to run: a call that the thread was stopped in is over. */
static inline void doors_signal_delivered(void)
{
	if (unlikely(current->doors))
		__doors_signal_delivered();
}

/* Does @p run on the scheduling context of another task? */
static inline bool handoff_borrows(const struct task_struct *p)
{
	return p->handoff_donor;
}

#else /* !CONFIG_DOORS */

static inline bool handoff_borrows(const struct task_struct *p)
{
	return false;
}

static inline struct task_struct *handoff_donee(const struct task_struct *p)
{
	return NULL;
}

static inline bool doors_is_name(const struct super_block *sb) { return false; }
static inline void doors_exit_thread(void) { }
static inline void doors_exit_process(void) { }
static inline void doors_revoke_all(void) { }
static inline void doors_signal_delivered(void) { }

#endif /* CONFIG_DOORS */

#endif /* _LINUX_DOORS_H */
