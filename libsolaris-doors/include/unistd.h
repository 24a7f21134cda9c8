/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * <unistd.h>: the system's own, and what Solaris declares in addition.
 */
#pragma GCC system_header
#include_next <unistd.h>

#ifndef _SOLARIS_DOORS_UNISTD_H
#define _SOLARIS_DOORS_UNISTD_H

#ifdef __cplusplus
extern "C" {
#endif

extern int fattach(int fildes, const char *path);
extern int fdetach(const char *path);

#ifdef __cplusplus
}
#endif

#endif /* _SOLARIS_DOORS_UNISTD_H */
