/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Structures and constants of doors.  The layouts are those of illumos on
 * amd64, and of <linux/doors.h>, which is the kernel's view of the same.
 */
#ifndef _SYS_DOOR_H
#define _SYS_DOOR_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Attributes for door_create(). */
#define	DOOR_UNREF	0x001	/* tell when unreferenced, once */
#define	DOOR_PRIVATE	0x002	/* a pool of server threads of its own */
#define	DOOR_UNREF_MULTI 0x010	/* tell when unreferenced, every time */
#define	DOOR_REFUSE_DESC 0x040	/* take no descriptors */
#define	DOOR_NO_CANCEL	0x080	/* a client's abort cancels nothing */

/* Attributes of doors made by door_xcreate(). */
#define	DOOR_NO_DEPLETION_CB 0x100 /* no call-back when out of threads */
#define	DOOR_PRIVCREATE	0x200	/* the program makes the threads */

/* What door_info() may add. */
#define	DOOR_LOCAL	0x004	/* the caller's own process serves it */
#define	DOOR_REVOKED	0x008	/* it takes no more calls */
#define	DOOR_IS_UNREF	0x020	/* nobody else refers to it */

/* In the information given to a server creation function: why it was called. */
#define	DOOR_DEPLETION_CB 0x400	/* the door's pool ran empty */

#define	DOOR_CREATE_MASK (DOOR_UNREF | DOOR_PRIVATE | DOOR_UNREF_MULTI | \
			DOOR_REFUSE_DESC | DOOR_NO_CANCEL | \
			DOOR_NO_DEPLETION_CB | DOOR_PRIVCREATE)
#define	DOOR_ATTR_MASK	(DOOR_CREATE_MASK | DOOR_LOCAL | DOOR_REVOKED | \
			DOOR_IS_UNREF)

/* What an entry of a descriptor array is, and what to do with it. */
#define	DOOR_DESCRIPTOR	0x10000	/* a file descriptor */
#define	DOOR_RELEASE	0x40000	/* close the sender's copy */

/* Solaris' kernel has these for itself: no program ever sees them. */
#define	DOOR_DELAY	0x80000
#define	DOOR_UNREF_ACTIVE 0x100000
#define	DOOR_KI_CREATE_MASK (DOOR_UNREF | DOOR_UNREF_MULTI)

/* Descriptors that are none. */
#define	DOOR_INVAL	(-1)
#define	DOOR_QUERY	(-2)	/* door_info(): the door of this thread */

/* argp of an unreferenced notification. */
#define	DOOR_UNREF_DATA	((void *)1)

/* Parameters of a door. */
#define	DOOR_PARAM_DESC_MAX 1	/* most descriptors in a call */
#define	DOOR_PARAM_DATA_MAX 2	/* most bytes in a call */
#define	DOOR_PARAM_DATA_MIN 3	/* fewest bytes in a call */

/*
 * What the one system call of Solaris tells its purpose by.  On Linux each has
 * a system call of its own; these are for programs that trace.
 */
#define	DOOR_CREATE	0
#define	DOOR_REVOKE	1
#define	DOOR_INFO	2
#define	DOOR_CALL	3
#define	DOOR_BIND	6
#define	DOOR_UNBIND	7
#define	DOOR_UNREFSYS	8
#define	DOOR_UCRED	9
#define	DOOR_RETURN	10
#define	DOOR_GETPARAM	11
#define	DOOR_SETPARAM	12

typedef unsigned long long door_ptr_t;	/* an address in any process */
typedef unsigned long long door_id_t;	/* unique for as long as the system is up */
typedef unsigned int door_attr_t;

/* 32-bit and 64-bit programs share these two: nothing is aligned beyond four bytes. */
#pragma pack(push, 4)

typedef struct door_desc {
	door_attr_t	d_attributes;	/* DOOR_DESCRIPTOR, and the door's own */
	union {
		struct {
			int		d_descriptor;
			door_id_t	d_id;	/* of a door; 0 for others */
		} d_desc;
		int	d_resv[5];
	} d_data;
} door_desc_t;

typedef struct door_info {
	pid_t		di_target;	/* the server, -1 when it is gone */
	door_ptr_t	di_proc;	/* its procedure */
	door_ptr_t	di_data;	/* its cookie */
	door_attr_t	di_attributes;
	door_id_t	di_uniquifier;
	int		di_resv[4];
} door_info_t;

#pragma pack(pop)

typedef struct door_arg {
	char		*data_ptr;	/* argument, then result */
	size_t		data_size;
	door_desc_t	*desc_ptr;	/* descriptors, likewise */
	uint_t		desc_num;
	char		*rbuf;		/* where the result may go */
	size_t		rsize;
} door_arg_t;

/* Credentials of a caller, as door_cred() reports them. */
typedef struct door_cred {
	uid_t	dc_euid;
	gid_t	dc_egid;
	uid_t	dc_ruid;
	gid_t	dc_rgid;
	pid_t	dc_pid;
	int	dc_resv[4];
} door_cred_t;

#ifdef __cplusplus
}
#endif

#endif /* _SYS_DOOR_H */
