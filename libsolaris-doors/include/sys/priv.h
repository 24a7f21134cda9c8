/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * <sys/priv.h>: the flags of a process that have to do with privileges.
 * Linux has capabilities instead; sets of privileges are not here yet.
 */
#ifndef _SYS_PRIV_H
#define _SYS_PRIV_H

/* Flags for ucred_getpflags(). */
#define	PRIV_DEBUG	0x01
#define	PRIV_AWARE	0x02
#define	PRIV_AWARE_INHERIT 0x04
#define	NET_MAC_AWARE	0x10
#define	NET_MAC_AWARE_INHERIT 0x20

#endif /* _SYS_PRIV_H */
