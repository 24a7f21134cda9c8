/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Limits on requests: who may read and set them, and what they do to calls.
 *
 * Rules: PA-1 PA-2 PA-3 CR-8 CA-2 CA-4
 */
#include <door.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define	LARGE	(512 * 1024)

static char large[LARGE];

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) cookie, (void) argp;
	while (n_desc-- > 0)
		(void) close(dp++->d_data.d_desc.d_descriptor);
	(void) door_return(large, arg_size == 3 ? LARGE : 0, NULL, 0);
}

static size_t
get(int door, int param)
{
	size_t value = 12345;

	CHECK(door_getparam(door, param, &value) == 0);
	return (value);
}

static int
call(int door, size_t size, uint_t descriptors)
{
	static door_desc_t desc[4];
	door_arg_t arg;
	uint_t i;

	(void) memset(&arg, 0, sizeof (arg));
	for (i = 0; i < descriptors; i++) {
		desc[i].d_attributes = DOOR_DESCRIPTOR;
		desc[i].d_data.d_desc.d_descriptor = STDERR_FILENO;
	}
	arg.data_ptr = large;
	arg.data_size = size;
	arg.desc_ptr = desc;
	arg.desc_num = descriptors;
	arg.rbuf = large;
	arg.rsize = sizeof (large);
	return (door_call(door, &arg));
}

static void
initial(int door, int refusing)
{
	CHECK(get(door, DOOR_PARAM_DATA_MIN) == 0);
	CHECK(get(door, DOOR_PARAM_DATA_MAX) == SIZE_MAX);
	CHECK(get(door, DOOR_PARAM_DESC_MAX) == INT_MAX);
	CHECK(get(refusing, DOOR_PARAM_DESC_MAX) == 0);
	CHECK(get(refusing, DOOR_PARAM_DATA_MAX) == SIZE_MAX);
}

static void
refused(int door, int refusing)
{
	size_t value = 77;
	int ends[2];

	CHECK(pipe(ends) == 0);
	CHECK_FAILS(door_getparam(ends[0], DOOR_PARAM_DATA_MIN, &value), EBADF);
	CHECK_FAILS(door_getparam(-1, DOOR_PARAM_DATA_MIN, &value), EBADF);
	CHECK_FAILS(door_getparam(DOOR_QUERY, DOOR_PARAM_DATA_MIN, &value), EBADF);
	CHECK_FAILS(door_getparam(door, 0, &value), EINVAL);
	CHECK_FAILS(door_getparam(door, 4, &value), EINVAL);
	CHECK_FAILS(door_getparam(door, DOOR_PARAM_DATA_MIN, NULL), EFAULT);
	CHECK(value == 77);

	CHECK_FAILS(door_setparam(ends[0], DOOR_PARAM_DATA_MIN, 0), EBADF);
	CHECK_FAILS(door_setparam(door, 0, 0), EINVAL);
	CHECK_FAILS(door_setparam(door, 4, 0), EINVAL);
	CHECK_FAILS(door_setparam(door, DOOR_PARAM_DESC_MAX, (size_t)INT_MAX + 1), ERANGE);
	CHECK_FAILS(door_setparam(refusing, DOOR_PARAM_DESC_MAX, (size_t)INT_MAX + 1), ERANGE);
	CHECK_FAILS(door_setparam(refusing, DOOR_PARAM_DESC_MAX, 1), ENOTSUP);
	CHECK(door_setparam(refusing, DOOR_PARAM_DESC_MAX, 0) == 0);
	CHECK(door_setparam(door, DOOR_PARAM_DATA_MAX, 10) == 0);
	CHECK_FAILS(door_setparam(door, DOOR_PARAM_DATA_MIN, 11), EINVAL);
	CHECK(door_setparam(door, DOOR_PARAM_DATA_MIN, 10) == 0);
	CHECK_FAILS(door_setparam(door, DOOR_PARAM_DATA_MAX, 9), EINVAL);
	CHECK(get(door, DOOR_PARAM_DATA_MIN) == 10 && get(door, DOOR_PARAM_DATA_MAX) == 10);
	CHECK(door_setparam(door, DOOR_PARAM_DATA_MIN, 0) == 0);
	CHECK(door_setparam(door, DOOR_PARAM_DATA_MAX, SIZE_MAX) == 0);
}

static void
somebody_elses(int door)
{
	int status;

	(void) fflush(stderr);
	if (fork() == 0) {
		CHECK(get(door, DOOR_PARAM_DATA_MIN) == 0);
		CHECK_FAILS(door_setparam(door, DOOR_PARAM_DATA_MIN, 0), EPERM);
		/* It is looked at who asks before it is looked at what. */
		CHECK_FAILS(door_setparam(door, 99, 0), EPERM);
		_exit(0);
	}
	CHECK(wait(&status) != -1 && status == 0);
}

int
main(void)
{
	int door, refusing, same;
	struct door_arg arg;

	CHECK((door = door_create(serve, NULL, 0)) != -1);
	CHECK((refusing = door_create(serve, NULL, DOOR_REFUSE_DESC)) != -1);
	initial(door, refusing);
	refused(door, refusing);
	somebody_elses(door);

	/* Data: each bound itself is allowed. Replies are not concerned. */
	CHECK(door_setparam(door, DOOR_PARAM_DATA_MIN, 2) == 0);
	CHECK(door_setparam(door, DOOR_PARAM_DATA_MAX, 4) == 0);
	CHECK_FAILS(call(door, 1, 0), ENOBUFS);
	CHECK(call(door, 2, 0) == 0);
	CHECK(call(door, 3, 0) == 0);
	CHECK(call(door, 4, 0) == 0);
	CHECK_FAILS(call(door, 5, 0), ENOBUFS);
	/* No arguments at all are none of two bytes. */
	CHECK_FAILS(door_call(door, NULL), ENOBUFS);
	(void) memset(&arg, 0, sizeof (arg));
	CHECK_FAILS(door_call(door, &arg), ENOBUFS);
	CHECK(door_setparam(door, DOOR_PARAM_DATA_MIN, 0) == 0);
	CHECK(door_call(door, NULL) == 0);

	/* Descriptors. */
	CHECK(call(door, 2, 3) == 0);
	CHECK(door_setparam(door, DOOR_PARAM_DESC_MAX, 2) == 0);
	CHECK(get(door, DOOR_PARAM_DESC_MAX) == 2);
	CHECK_FAILS(call(door, 2, 3), ENFILE);
	CHECK(call(door, 2, 2) == 0);
	CHECK(door_setparam(door, DOOR_PARAM_DESC_MAX, 0) == 0);
	CHECK_FAILS(call(door, 2, 1), ENFILE);
	CHECK_FAILS(call(refusing, 2, 1), ENOTSUP);
	/* Data are looked at first. */
	CHECK_FAILS(call(door, 5, 1), ENOBUFS);

	/* Both descriptors are the same door; a revoked one can be asked, but not told. */
	CHECK((same = dup(door)) != -1);
	CHECK(get(same, DOOR_PARAM_DATA_MAX) == 4);
	CHECK(door_revoke(door) == 0);
	CHECK(get(same, DOOR_PARAM_DATA_MAX) == 4);
	CHECK_FAILS(door_setparam(same, DOOR_PARAM_DATA_MAX, 5), EBADF);
	CHECK_FAILS(call(same, 5, 0), EBADF);
	return (0);
}
