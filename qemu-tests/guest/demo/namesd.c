/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A name server behind a door.
 *
 *	namesd file
 *
 * Looks names up in a file of lines "address name", slowly, as if it asked
 * some other machine, and keeps what it found in a cache.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <door.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stropts.h>
#include <unistd.h>

#include "names.h"

#define	LOOKUP_TIME	300000	/* microseconds that a lookup takes */

typedef struct entry {
	struct entry	*e_next;
	char		e_name[NAMES_MAX];
	char		e_address[NAMES_MAX];
} entry_t;

static const char	*source;
static pthread_mutex_t	cache_lock = PTHREAD_MUTEX_INITIALIZER;
static entry_t		*cache;
static uint_t		hits, misses;

/* Copies the address of a name that has been looked up before. */
static boolean_t
find_in_cache(const char *name, char *address)
{
	entry_t *e;

	(void) pthread_mutex_lock(&cache_lock);
	for (e = cache; e != NULL && strcmp(e->e_name, name) != 0; e = e->e_next)
		continue;
	if (e != NULL) {
		(void) strcpy(address, e->e_address);
		hits++;
	} else {
		misses++;
	}
	(void) pthread_mutex_unlock(&cache_lock);
	return (e != NULL ? B_TRUE : B_FALSE);
}

static void
add_to_cache(const char *name, const char *address)
{
	entry_t *e = malloc(sizeof (*e));

	if (e == NULL)
		return;
	(void) strcpy(e->e_name, name);
	(void) strcpy(e->e_address, address);
	(void) pthread_mutex_lock(&cache_lock);
	e->e_next = cache;
	cache = e;
	(void) pthread_mutex_unlock(&cache_lock);
}

/* Reads the file.  The cache is not locked: other calls go on meanwhile. */
static boolean_t
find_in_file(const char *name, char *address)
{
	char line_name[NAMES_MAX];
	boolean_t found = B_FALSE;
	FILE *file = fopen(source, "r");

	if (file == NULL)
		return (B_FALSE);
	(void) usleep(LOOKUP_TIME);
	while (!found && fscanf(file, "%63s %63s", address, line_name) == 2)
		found = strcmp(line_name, name) == 0 ? B_TRUE : B_FALSE;
	(void) fclose(file);
	return (found);
}

static int
lookup(const char *name, char *address)
{
	if (find_in_cache(name, address))
		return (0);
	if (!find_in_file(name, address))
		return (ENOENT);
	add_to_cache(name, address);
	return (0);
}

/*
 * The server procedure: runs in a thread of this process, while the thread
 * that called the door waits in its own.
 */
static void
answer(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	/* LINTED: argp is suitably aligned */
	names_query_t *query = (names_query_t *)(void *)argp;
	names_answer_t reply;
	door_desc_t desc;
	uint_t n_reply = 0;

	(void) cookie, (void) dp, (void) n_desc;
	(void) memset(&reply, 0, sizeof (reply));
	if (arg_size != sizeof (*query)) {
		reply.na_error = EINVAL;
		(void) door_return((char *)&reply, sizeof (reply), NULL, 0);
	}
	query->nq_name[NAMES_MAX - 1] = '\0';

	switch (query->nq_request) {
	case NAMES_LOOKUP:
		reply.na_error = lookup(query->nq_name, reply.na_address);
		break;
	case NAMES_STATISTICS:
		(void) pthread_mutex_lock(&cache_lock);
		reply.na_hits = hits;
		reply.na_misses = misses;
		(void) pthread_mutex_unlock(&cache_lock);
		break;
	case NAMES_SOURCE:
		/* The client gets its own descriptor, and this one is closed. */
		desc.d_attributes = DOOR_DESCRIPTOR | DOOR_RELEASE;
		desc.d_data.d_desc.d_descriptor = open(source, O_RDONLY);
		if (desc.d_data.d_desc.d_descriptor == -1)
			reply.na_error = errno;
		else
			n_reply = 1;
		break;
	default:
		reply.na_error = EINVAL;
	}
	(void) door_return((char *)&reply, sizeof (reply), &desc, n_reply);

	/* Only a reply that could not be given comes back here. */
	perror("namesd: door_return");
	(void) door_return(NULL, 0, NULL, 0);
}

int
main(int argc, char *argv[])
{
	int did, fd;

	if (argc != 2) {
		(void) fprintf(stderr, "usage: namesd file\n");
		return (2);
	}
	source = argv[1];

	/* A name to attach the door to; it may be there from the last time. */
	if ((fd = open(NAMES_DOOR, O_RDWR | O_CREAT, 0644)) == -1) {
		perror("namesd: " NAMES_DOOR);
		return (1);
	}
	(void) close(fd);

	if ((did = door_create(answer, NULL, DOOR_REFUSE_DESC)) == -1) {
		perror("namesd: door_create");
		return (1);
	}
	/* The door of a server that died is still attached. */
	(void) fdetach(NAMES_DOOR);
	if (fattach(did, NAMES_DOOR) == -1) {
		perror("namesd: fattach");
		return (1);
	}
	for (;;)
		(void) pause();
	/* NOTREACHED */
}
