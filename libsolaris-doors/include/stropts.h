/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * <stropts.h>: names in the file system for doors.  Linux has no STREAMS;
 * the rest of Solaris' header is therefore not here.
 */
#ifndef _STROPTS_H
#define _STROPTS_H

#ifdef __cplusplus
extern "C" {
#endif

extern int fattach(int fildes, const char *path);
extern int fdetach(const char *path);
/* No descriptor of Linux is a stream: 0, or -1 if it is not open. */
extern int isastream(int fildes);

#ifdef __cplusplus
}
#endif

#endif /* _STROPTS_H */
