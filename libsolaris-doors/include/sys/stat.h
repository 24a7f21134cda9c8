/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * <sys/stat.h>: the system's own, and the file type of doors.
 */
#pragma GCC system_header
#include_next <sys/stat.h>

#ifndef _SOLARIS_DOORS_SYS_STAT_H
#define _SOLARIS_DOORS_SYS_STAT_H

#ifndef S_IFDOOR
#define	S_IFDOOR	0xD000
#endif
#ifndef S_ISDOOR
#define	S_ISDOOR(mode)	(((mode) & 0xF000) == S_IFDOOR)
#endif

#endif /* _SOLARIS_DOORS_SYS_STAT_H */
