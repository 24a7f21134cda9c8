/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the C tests are written with.  A test is a program; it passes by
 * returning 0 from main().
 */
#ifndef _CHECK_H
#define _CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the test with a word on what was expected. */
#define	CHECK(condition)						\
	do {								\
		if (!(condition)) {					\
			(void) fprintf(stderr, "%s:%d: %s (errno: %s)\n", \
			    __FILE__, __LINE__, #condition, strerror(errno)); \
			exit(1);					\
		}							\
	} while (0)

/* A call that fails with this errno. */
#define	CHECK_FAILS(call, error)	CHECK((call) == -1 && errno == (error))

#endif /* _CHECK_H */
