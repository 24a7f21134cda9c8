/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * <synch.h>: Solaris locks.  They are those of POSIX threads under other
 * names; as on Solaris, one that is all zero is initialised.  Functions return
 * an error number, not -1, and ETIME for a wait that took too long.
 */
#ifndef _SYNCH_H
#define _SYNCH_H

#include <sys/types.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef pthread_mutex_t		mutex_t;
typedef pthread_cond_t		cond_t;
typedef pthread_rwlock_t	rwlock_t;
typedef sem_t			sema_t;

/* Types of locks. */
#define	USYNC_THREAD		0x00	/* for the threads of a process */
#define	USYNC_PROCESS		0x01	/* for all who map it */
#define	LOCK_NORMAL		0x00
#define	LOCK_RECURSIVE		0x02
#define	LOCK_ERRORCHECK		0x04
#define	USYNC_PROCESS_ROBUST	0x08	/* USYNC_PROCESS | LOCK_ROBUST */
#define	LOCK_PRIO_INHERIT	0x10
#define	LOCK_ROBUST		0x40

#define	DEFAULTMUTEX		PTHREAD_MUTEX_INITIALIZER
#ifdef PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP
#define	RECURSIVEMUTEX		PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP
#define	ERRORCHECKMUTEX		PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP
#endif
#define	DEFAULTCV		PTHREAD_COND_INITIALIZER
#define	DEFAULTRWLOCK		PTHREAD_RWLOCK_INITIALIZER

extern int mutex_init(mutex_t *mutex, int type, void *arg);
extern int mutex_destroy(mutex_t *mutex);
extern int mutex_consistent(mutex_t *mutex);
extern int mutex_lock(mutex_t *mutex);
extern int mutex_trylock(mutex_t *mutex);
extern int mutex_unlock(mutex_t *mutex);
/* Whether the calling thread holds it. */
extern int _mutex_held(mutex_t *mutex);
#define	MUTEX_HELD(mutex)	_mutex_held(mutex)

/* For those who would rather stop than look at an error. */
extern void mutex_enter(mutex_t *mutex);
extern void mutex_exit(mutex_t *mutex);

extern int cond_init(cond_t *cond, int type, void *arg);
extern int cond_destroy(cond_t *cond);
extern int cond_wait(cond_t *cond, mutex_t *mutex);
extern int cond_timedwait(cond_t *cond, mutex_t *mutex,
    const struct timespec *when);
extern int cond_reltimedwait(cond_t *cond, mutex_t *mutex,
    const struct timespec *how_long);
extern int cond_signal(cond_t *cond);
extern int cond_broadcast(cond_t *cond);

extern int rwlock_init(rwlock_t *lock, int type, void *arg);
extern int rwlock_destroy(rwlock_t *lock);
extern int rw_rdlock(rwlock_t *lock);
extern int rw_wrlock(rwlock_t *lock);
extern int rw_tryrdlock(rwlock_t *lock);
extern int rw_trywrlock(rwlock_t *lock);
extern int rw_unlock(rwlock_t *lock);

extern int sema_init(sema_t *sema, unsigned int count, int type, void *arg);
extern int sema_destroy(sema_t *sema);
extern int sema_wait(sema_t *sema);
extern int sema_trywait(sema_t *sema);
extern int sema_timedwait(sema_t *sema, const struct timespec *when);
extern int sema_post(sema_t *sema);

#ifdef __cplusplus
}
#endif

#endif /* _SYNCH_H */
