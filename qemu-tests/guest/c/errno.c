/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * errno belongs to the server thread whose door_return() failed.
 * Rules: RE-6 RE-10
 */
#include <door.h>
#include <pthread.h>

#include "check.h"

static int seen;

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) cookie, (void) argp, (void) arg_size, (void) dp, (void) n_desc;
	errno = 0;
	(void) door_return((char *)8, 100, NULL, 0);
	seen = errno;
	(void) door_return((char *)&seen, sizeof (seen), NULL, 0);
}

int
main(void)
{
	door_arg_t params;
	int door, result;

	CHECK((door = door_create(serve, NULL, 0)) != -1);
	(void) memset(&params, 0, sizeof (params));
	params.rbuf = (char *)&result;
	params.rsize = sizeof (result);
	errno = EDOM;
	CHECK(door_call(door, &params) == 0);
	CHECK(result == EFAULT);
	CHECK(errno == EDOM);
	return (0);
}
