/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A client of the name server.
 *
 *	names name ...		looks names up
 *	names -s		how the server's cache is doing
 *	names -f		prints the server's file, through its descriptor
 *	names -i		tells who serves the door; fails if nobody does
 *	names -p n -c m name	n processes make m calls each, all at once
 */
#include <sys/types.h>
#include <sys/wait.h>
#include <door.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names.h"

/* Calls the door.  Returns the descriptor that came along, or -1. */
static int
ask(int door, names_request_t request, const char *name, names_answer_t *answer)
{
	names_query_t query;
	door_arg_t arg;
	char buf[sizeof (names_answer_t) + 2 * sizeof (door_desc_t)];

	(void) memset(&query, 0, sizeof (query));
	query.nq_request = request;
	(void) snprintf(query.nq_name, sizeof (query.nq_name), "%s", name);

	arg.data_ptr = (char *)&query;
	arg.data_size = sizeof (query);
	arg.desc_ptr = NULL;
	arg.desc_num = 0;
	arg.rbuf = buf;
	arg.rsize = sizeof (buf);
	if (door_call(door, &arg) == -1 || arg.data_size != sizeof (*answer)) {
		(void) memset(answer, 0, sizeof (*answer));
		answer->na_error = errno;
		return (-1);
	}
	(void) memcpy(answer, arg.data_ptr, sizeof (*answer));
	return (arg.desc_num == 0 ? -1 :
	    arg.desc_ptr->d_data.d_desc.d_descriptor);
}

static int
look_up(int door, const char *name)
{
	names_answer_t answer;

	(void) ask(door, NAMES_LOOKUP, name, &answer);
	if (answer.na_error != 0)
		(void) printf("%s: %s\n", name, strerror(answer.na_error));
	else
		(void) printf("%s is %s\n", name, answer.na_address);
	return (answer.na_error != 0);
}

static int
show_statistics(int door)
{
	names_answer_t answer;

	(void) ask(door, NAMES_STATISTICS, "", &answer);
	(void) printf("%u answers from the cache, %u from the file\n",
	    answer.na_hits, answer.na_misses);
	return (answer.na_error != 0);
}

static int
show_file(int door)
{
	names_answer_t answer;
	char line[256];
	int fd = ask(door, NAMES_SOURCE, "", &answer);
	FILE *file;

	if (fd == -1 || (file = fdopen(fd, "r")) == NULL)
		return (1);
	while (fgets(line, sizeof (line), file) != NULL)
		(void) printf("descriptor %d: %s", fd, line);
	(void) fclose(file);
	return (0);
}

static int
show_server(int door)
{
	door_info_t info;

	if (door_info(door, &info) == -1) {
		perror("names: door_info");
		return (1);
	}
	(void) printf("server %ld%s\n", (long)info.di_target,
	    (info.di_attributes & DOOR_REVOKED) ? ", door revoked" : "");
	return (info.di_target == -1);
}

static int
call_at_once(int door, int processes, int calls, const char *name)
{
	names_answer_t answer;
	int failed = 0, i, j, status;

	for (i = 0; i < processes; i++) {
		if (fork() != 0)
			continue;
		for (j = 0; j < calls; j++) {
			(void) ask(door, NAMES_LOOKUP, name, &answer);
			if (answer.na_error != 0)
				_exit(1);
		}
		_exit(0);
	}
	while (wait(&status) != -1)
		failed += status != 0;
	(void) printf("%d processes made %d calls each, %d of them failed\n",
	    processes, calls, failed);
	return (failed != 0);
}

int
main(int argc, char *argv[])
{
	int processes = 0, calls = 1, errors = 0;
	int c, door;

	/* To call a door, reading permission on its name is enough. */
	if ((door = open(NAMES_DOOR, O_RDONLY)) == -1) {
		perror("names: " NAMES_DOOR);
		return (1);
	}
	while ((c = getopt(argc, argv, "sfip:c:")) != -1) {
		switch (c) {
		case 's':
			return (show_statistics(door));
		case 'f':
			return (show_file(door));
		case 'i':
			return (show_server(door));
		case 'p':
			processes = atoi(optarg);
			break;
		case 'c':
			calls = atoi(optarg);
			break;
		default:
			return (2);
		}
	}
	for (; optind < argc; optind++) {
		errors += processes > 0 ?
		    call_at_once(door, processes, calls, argv[optind]) :
		    look_up(door, argv[optind]);
	}
	return (errors != 0);
}
