/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A thousand doors of one process, each with its own cookie.
 * Rules: CR-6 CR-7 TP-10
 */
#include <door.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

#define	DOORS	1000

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) argp, (void) arg_size, (void) dp, (void) n_desc;
	(void) door_return((char *)&cookie, sizeof (cookie), NULL, 0);
}

int
main(void)
{
	struct rlimit limit = { DOORS + 16, DOORS + 16 };
	door_info_t info;
	door_id_t last = 0;
	door_arg_t params;
	int doors[DOORS];
	void *cookie;
	long i;

	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (i = 0; i < DOORS; i++) {
		doors[i] = door_create(serve, (void *)(i << 40), DOOR_REFUSE_DESC);
		CHECK(doors[i] != -1);
		CHECK(door_info(doors[i], &info) == 0);
		CHECK(i == 0 || info.di_uniquifier > last);
		last = info.di_uniquifier;
	}
	for (i = 0; i < DOORS; i++) {
		(void) memset(&params, 0, sizeof (params));
		params.rbuf = (char *)&cookie;
		params.rsize = sizeof (cookie);
		CHECK(door_call(doors[i], &params) == 0);
		CHECK(cookie == (void *)(i << 40));
		if (i % 2 == 0)
			CHECK(door_revoke(doors[i]) == 0);
		else
			CHECK(close(doors[i]) == 0);
	}
	for (i = 0; i < DOORS; i++)
		CHECK_FAILS(door_call(doors[i], NULL), EBADF);
	return (0);
}
