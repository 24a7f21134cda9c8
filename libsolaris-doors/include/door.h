/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The doors library: <door.h>, as programs for Solaris include it.
 */
#ifndef _DOOR_H
#define _DOOR_H

#include <sys/types.h>
#include <sys/door.h>
#include <ucred.h>
/* Not part of Solaris' <door.h>, but programs that attach doors forget where it is. */
#include <stropts.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What runs when a door is called.  argp and dp point into the server
 * thread's stack and stay valid until door_return() succeeds.  argp is
 * DOOR_UNREF_DATA for an unreferenced notification.
 */
typedef void door_server_procedure_t(void *cookie, char *argp, size_t arg_size,
    door_desc_t *dp, uint_t n_desc);

/*
 * What runs when a pool needs one more thread; NULL stands for the shared pool.
 * The information stays valid when the function has returned, unless it has
 * DOOR_DEPLETION_CB: then it is on the stack of the thread that called.
 */
typedef void door_server_func_t(door_info_t *info);

/*
 * What runs when a door of door_xcreate() needs one more thread, to run
 * startf(startfarg).  Returns 1 if it made one, 0 if it would not, -1 if it
 * could not; anything else aborts the process.
 */
typedef int door_xcreate_server_func_t(door_info_t *info,
    void *(*startf)(void *), void *startfarg, void *crcookie);

/* What such a thread does first. */
typedef void door_xcreate_thrsetup_func_t(void *crcookie);

/* Serving. */
extern int door_create(door_server_procedure_t *proc, void *cookie,
    uint_t attributes);
extern int door_xcreate(door_server_procedure_t *proc, void *cookie,
    uint_t attributes, door_xcreate_server_func_t *thr_create_func,
    door_xcreate_thrsetup_func_t *thr_setup_func, void *crcookie, int nthread);
extern int door_return(char *data_ptr, size_t data_size, door_desc_t *desc_ptr,
    uint_t num_desc);
extern int door_revoke(int d);
extern door_server_func_t *door_server_create(door_server_func_t *create_proc);
extern int door_bind(int d);
extern int door_unbind(void);

/* Calling. */
extern int door_call(int d, door_arg_t *params);

/* Asking.  door_cred() is what door_ucred() was before there was a ucred_t. */
extern int door_info(int d, door_info_t *info);
extern int door_ucred(ucred_t **info);
extern int door_cred(door_cred_t *info);

/* Limits on requests: DOOR_PARAM_*. */
extern int door_getparam(int d, int param, size_t *out);
extern int door_setparam(int d, int param, size_t val);

#ifdef __cplusplus
}
#endif

#endif /* _DOOR_H */
