/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * <thread.h>: Solaris threads.  A thread_t is a pthread_t, and the two
 * interfaces may be mixed.  Functions return an error number, not -1.
 *
 * Not here, because Linux has no way to do it: thr_suspend(), thr_continue().
 */
#ifndef _THREAD_H
#define _THREAD_H

#include <sys/types.h>
#include <pthread.h>
#include <signal.h>
#include <synch.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef pthread_t	thread_t;
typedef pthread_key_t	thread_key_t;

/* Flags of thr_create(). */
#define	THR_BOUND	0x001	/* every thread of Linux is */
#define	THR_NEW_LWP	0x002	/* likewise */
#define	THR_DETACHED	0x040
#define	THR_SUSPENDED	0x080	/* ENOTSUP */
#define	THR_DAEMON	0x100	/* the process does not wait for it: see thr_create() */

/* What thr_keycreate_once() takes for a key that is yet to be made. */
#define	THR_ONCE_KEY	((thread_key_t)-1)

#define	THR_MIN_STACK	(thr_min_stack())

/*
 * THR_DAEMON is accepted, and makes no difference unless the main thread
 * leaves by thr_exit(): the process then ends when all threads have, be they
 * daemons or not.
 */
extern int thr_create(void *stack, size_t stack_size, void *(*start)(void *),
    void *arg, long flags, thread_t *new_thread);
/* Waits for one thread; ENOTSUP for any thread, which Solaris writes as 0. */
extern int thr_join(thread_t thread, thread_t *departed, void **status);
extern void thr_exit(void *status) __attribute__((__noreturn__));
extern thread_t thr_self(void);
extern int thr_main(void);
extern int thr_kill(thread_t thread, int sig);
extern int thr_sigsetmask(int how, const sigset_t *set, sigset_t *oset);
extern void thr_yield(void);
extern int thr_keycreate(thread_key_t *key, void (*destructor)(void *));
extern int thr_keycreate_once(thread_key_t *key, void (*destructor)(void *));
extern int thr_setspecific(thread_key_t key, void *value);
extern int thr_getspecific(thread_key_t key, void **value);
extern int thr_setconcurrency(int level);
extern int thr_getconcurrency(void);
extern size_t thr_min_stack(void);
/* ss_sp is where the stack begins: its highest address. */
extern int thr_stksegment(stack_t *segment);

#ifdef __cplusplus
}
#endif

#endif /* _THREAD_H */
