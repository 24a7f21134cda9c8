/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * _THREAD_DOOR_NORESERVE=1 gives the reserve of a server thread's stack to
 * requests.
 * Rules: DA-14 DA-15
 */
#include <door.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define	STACK	(2 * 1024 * 1024)

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) cookie, (void) argp, (void) dp, (void) n_desc;
	(void) door_return((char *)&arg_size, sizeof (arg_size), NULL, 0);
}

/* Whether a new server takes a request that leaves so many bytes of its stack. */
static int
takes_all_but(size_t rest)
{
	static char data[STACK];
	door_arg_t params;
	size_t size = 0;
	int door, status;

	if (fork() == 0) {
		(void) memset(&params, 0, sizeof (params));
		params.data_ptr = data;
		params.data_size = STACK - rest;
		params.rbuf = (char *)&size;
		params.rsize = sizeof (size);
		CHECK((door = door_create(serve, NULL, 0)) != -1);
		if (door_call(door, &params) == 0 && size == STACK - rest)
			_exit(0);
		_exit(errno == E2BIG ? 2 : 1);
	}
	CHECK(wait(&status) != -1 && WIFEXITED(status));
	CHECK(WEXITSTATUS(status) != 1);
	return (WEXITSTATUS(status) == 0);
}

int
main(void)
{
	CHECK(!takes_all_but(40 * 1024));
	CHECK(takes_all_but(90 * 1024));
	CHECK(setenv("_THREAD_DOOR_NORESERVE", "0", 1) == 0);
	CHECK(!takes_all_but(40 * 1024));
	CHECK(setenv("_THREAD_DOOR_NORESERVE", "1", 1) == 0);
	CHECK(takes_all_but(40 * 1024));
	CHECK(!takes_all_but(0));
	return (0);
}
