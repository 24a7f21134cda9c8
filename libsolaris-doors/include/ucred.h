/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * <ucred.h>: credentials of a process.  They come from door_ucred(),
 * getpeerucred() or ucred_get(), and go with ucred_free().
 *
 * A number that is not known is -1, with errno EINVAL.  Processes with more
 * than 1024 groups, as many as Solaris allows, have no credentials: ENOMEM.
 *
 * Not here yet, because it needs <priv.h>: ucred_getprivset().
 */
#ifndef _UCRED_H
#define _UCRED_H

#include <sys/types.h>
#include <sys/priv.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ucred_s ucred_t;

/*
 * Who a process is: P_MYID is the calling one.  NULL, and errno, if that
 * cannot be told.
 */
extern ucred_t *ucred_get(pid_t pid);

/*
 * Who is at the other end of a socket of the local domain, as of when it was
 * connected: its process, effective ids and groups.  Others are not known.
 */
extern int getpeerucred(int fd, ucred_t **ucred);

extern void ucred_free(ucred_t *ucred);

/* What a program that provides the memory has to provide. */
extern size_t ucred_size(void);

extern uid_t ucred_geteuid(const ucred_t *ucred);
extern uid_t ucred_getruid(const ucred_t *ucred);
extern uid_t ucred_getsuid(const ucred_t *ucred);
extern gid_t ucred_getegid(const ucred_t *ucred);
extern gid_t ucred_getrgid(const ucred_t *ucred);
extern gid_t ucred_getsgid(const ucred_t *ucred);
/* Returns how many there are; they go with the credentials. */
extern int ucred_getgroups(const ucred_t *ucred, const gid_t **groups);

/* 0: the kernel, or a process of a pid namespace that cannot be seen. */
extern pid_t ucred_getpid(const ucred_t *ucred);
/* Linux has no projects: never known. */
extern projid_t ucred_getprojid(const ucred_t *ucred);
/* Linux has no zones: always 0, the global one. */
extern zoneid_t ucred_getzoneid(const ucred_t *ucred);
/* The flags of <sys/priv.h>, which no process of Linux has: 0. */
extern uint_t ucred_getpflags(const ucred_t *ucred, uint_t flag);

#ifdef __cplusplus
}
#endif

#endif /* _UCRED_H */
