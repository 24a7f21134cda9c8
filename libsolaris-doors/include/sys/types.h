/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * <sys/types.h>: the system's own, and the names that Solaris adds to it.
 */
#pragma GCC system_header
#include_next <sys/types.h>

#ifndef _SOLARIS_DOORS_SYS_TYPES_H
#define _SOLARIS_DOORS_SYS_TYPES_H

typedef unsigned char	uchar_t;
typedef unsigned short	ushort_t;
typedef unsigned int	uint_t;
typedef unsigned long	ulong_t;
typedef long long	longlong_t;
typedef unsigned long long u_longlong_t;
typedef longlong_t	offset_t;
typedef longlong_t	diskaddr_t;

typedef enum { B_FALSE, B_TRUE } boolean_t;

typedef int	lwpid_t;
typedef int	zoneid_t;
typedef int	projid_t;
typedef int	taskid_t;
typedef int	ctid_t;
typedef int	poolid_t;
typedef int	processorid_t;
typedef int	psetid_t;
typedef unsigned int	major_t;
typedef unsigned int	minor_t;

/* For functions that take a process id: the calling process. */
#ifndef P_MYID
#define	P_MYID	(-1)
#endif

#endif /* _SOLARIS_DOORS_SYS_TYPES_H */
