/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the name server and its clients say to each other through a door.
 */
#ifndef _NAMES_H
#define _NAMES_H

#include <sys/types.h>

#define	NAMES_DOOR	"/var/run/names_door"
#define	NAMES_MAX	64

typedef enum {
	NAMES_LOOKUP,		/* the address that belongs to a name */
	NAMES_STATISTICS,	/* how the cache is doing */
	NAMES_SOURCE		/* a descriptor of the file with the names */
} names_request_t;

typedef struct names_query {
	names_request_t	nq_request;
	char		nq_name[NAMES_MAX];
} names_query_t;

typedef struct names_answer {
	int	na_error;		/* an errno; 0 if all is well */
	uint_t	na_hits;		/* lookups answered from the cache */
	uint_t	na_misses;		/* lookups that went to the file */
	char	na_address[NAMES_MAX];
} names_answer_t;

#endif /* _NAMES_H */
