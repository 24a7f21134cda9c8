/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Doors - User space API
 *
 * A door is a file descriptor that stands for a procedure in another
 * process.  The layouts below are those of illumos on amd64.
 *
 * This is the kernel's view.  Programs written for Solaris include <door.h>
 * of libsolaris-doors instead, which declares the same structures with
 * their historical member types; one or the other, not both.
 */
#ifndef _UAPI_LINUX_DOORS_H
#define _UAPI_LINUX_DOORS_H

#include <linux/types.h>

/**
 * struct door_desc - One descriptor in an argument or a result.
 *
 * Packed to four bytes, so that every ABI of an architecture shares it.
 */
struct door_desc {
	/**
	 * @d_attributes: %DOOR_DESCRIPTOR; the sender may add %DOOR_RELEASE.
	 * The receiver finds the attributes of the door, if it is one.
	 */
	__u32 d_attributes;
	/** @d_data: What the attributes say that it is. */
	union {
		/** @d_data.d_desc: A file descriptor. */
		struct {
			/** @d_data.d_desc.d_descriptor: Its number. */
			__s32 d_descriptor;
			/**
			 * @d_data.d_desc.d_id: To the receiver, the unique
			 * number of the door; 0 if it is not a door.
			 */
			__u64 d_id;
		} __attribute__((packed, aligned(4))) d_desc;
		/** @d_data.d_resv: Room for other kinds of objects. */
		__s32 d_resv[5];
	} d_data;
} __attribute__((packed, aligned(4)));

/**
 * struct door_info - What sys_door_info() tells about a door.
 *
 * Packed to four bytes, like &struct door_desc.
 */
struct door_info {
	/** @di_target: Process ID of the server, or -1 if it is gone. */
	__s32 di_target;
	/** @di_proc: Address of the server procedure, in the server. */
	__u64 di_proc;
	/** @di_data: The cookie that the door was created with. */
	__u64 di_data;
	/** @di_attributes: Attributes and state, within %DOOR_ATTR_MASK. */
	__u32 di_attributes;
	/** @di_uniquifier: Never used again before the next boot. */
	__u64 di_uniquifier;
	/** @di_resv: Zero. */
	__s32 di_resv[4];
} __attribute__((packed, aligned(4)));

/**
 * struct door_arg - Argument and result of sys_door_call().
 *
 * Rewritten when the call succeeds, untouched when it fails.
 */
struct door_arg {
	/** @data_ptr: Address of the argument, then of the result. */
	__u64 data_ptr;
	/** @data_size: Bytes there. */
	__u64 data_size;
	/** @desc_ptr: Address of an array of &struct door_desc. */
	__u64 desc_ptr;
	/** @desc_num: Entries there. */
	__u32 desc_num;
	/** @pad: Written as zero. */
	__u32 pad;
	/**
	 * @rbuf: Address of the caller's buffer for the result.  A result
	 * that does not fit arrives in a new mapping, whose address and
	 * length replace @rbuf and @rsize; the caller unmaps it.
	 */
	__u64 rbuf;
	/** @rsize: Bytes at @rbuf. */
	__u64 rsize;
};

/**
 * struct door_ucred - What sys_door_ucred() tells about a caller.
 *
 * As the namespaces of the server see it.
 */
struct door_ucred {
	/** @duc_effective: Effective capabilities, one bit each. */
	__u64 duc_effective;
	/** @duc_permitted: Permitted capabilities. */
	__u64 duc_permitted;
	/** @duc_inheritable: Inheritable capabilities. */
	__u64 duc_inheritable;
	/** @duc_euid: Effective user ID. */
	__u32 duc_euid;
	/** @duc_ruid: Real user ID. */
	__u32 duc_ruid;
	/** @duc_suid: Saved user ID. */
	__u32 duc_suid;
	/** @duc_egid: Effective group ID. */
	__u32 duc_egid;
	/** @duc_rgid: Real group ID. */
	__u32 duc_rgid;
	/** @duc_sgid: Saved group ID. */
	__u32 duc_sgid;
	/**
	 * @duc_pid: Process ID; 0 for the kernel, and for a process that
	 * the server's PID namespace does not show.
	 */
	__s32 duc_pid;
	/** @duc_groups: How many supplementary groups it has. */
	__u32 duc_groups;
};

/* Attributes of a door, asked for in sys_door_create(). */
#define DOOR_UNREF		0x001 /* tell when unreferenced, once */
#define DOOR_PRIVATE		0x002 /* a pool of threads of its own */
#define DOOR_UNREF_MULTI	0x010 /* tell when unreferenced, always */
#define DOOR_REFUSE_DESC	0x040 /* take no descriptors */
#define DOOR_NO_CANCEL		0x080 /* a client's abort cancels nothing */
#define DOOR_NO_DEPLETION_CB	0x100 /* no call-back when out of threads */
#define DOOR_PRIVCREATE		0x200 /* the program makes the threads */
#define DOOR_CREATE_MASK	0x3D3

/* State of a door, reported in &struct door_info. */
#define DOOR_LOCAL		0x004 /* served by the asking process */
#define DOOR_REVOKED		0x008 /* takes no more calls */
#define DOOR_IS_UNREF		0x020 /* nobody else refers to it */
#define DOOR_ATTR_MASK		0x3FF

/* In the information given to a depletion call-back: it is one. */
#define DOOR_DEPLETION_CB	0x400

/* What an entry of a descriptor array is, and what to do with it. */
#define DOOR_DESCRIPTOR		0x10000 /* a file descriptor */
#define DOOR_RELEASE		0x40000 /* close the sender's copy */

/* Special values of the first argument of sys_door_info(). */
#define DOOR_INVAL		(-1)
#define DOOR_QUERY		(-2) /* the door this thread is bound to */

/* The argument address of an unreferenced notification. */
#define DOOR_UNREF_DATA		((void *)1)

/* Parameters of a door. */
#define DOOR_PARAM_DESC_MAX	1
#define DOOR_PARAM_DATA_MAX	2
#define DOOR_PARAM_DATA_MIN	3

/*
 * Sent to a server thread whose caller gave up, unless the process leaves it
 * at its default: the last real-time signal.
 */
#define DOOR_SIGCANCEL		64

/*
 * Flags handed to the thread that sys_door_return() delivers a call to.
 */
#define DOOR_RETURN_DEPLETED	0x1 /* it was the last one of its pool */

/* The file type of doors, next to those of <linux/stat.h>. */
#ifndef S_IFDOOR
#define S_IFDOOR 0150000
#define S_ISDOOR(m)	(((m) & S_IFMT) == S_IFDOOR)
#endif

#endif /* _UAPI_LINUX_DOORS_H */
