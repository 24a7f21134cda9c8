/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Server threads with stacks of 16 KiB serve, print, and refuse what is too
 * large.
 * Rules: DA-13 DA-14 SC-2
 */
#include <door.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

#include "check.h"

#define	STACK	(64 * 1024)

static int made;

static void *
start(void *arg)
{
	(void) arg;
	(void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	(void) door_return(NULL, 0, NULL, 0);
	return (NULL);
}

static void
make_thread(door_info_t *info)
{
	pthread_attr_t attr;
	pthread_t thread;

	CHECK(info == NULL);
	(void) pthread_attr_init(&attr);
	(void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	CHECK(pthread_attr_setstacksize(&attr, made++ == 0 ? STACK : 16384) == 0);
	CHECK(pthread_create(&thread, &attr, start, NULL) == 0);
}

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	char text[100];

	(void) cookie, (void) argp, (void) dp, (void) n_desc;
	(void) snprintf(text, sizeof (text), "%zu bytes, %g", arg_size, 0.5);
	(void) door_return(text, strlen(text) + 1, NULL, 0);
}

static int
call(int door, size_t size)
{
	static char data[STACK];
	char text[100];
	char expected[100];
	door_arg_t params;

	(void) memset(&params, 0, sizeof (params));
	params.data_ptr = data;
	params.data_size = size;
	params.rbuf = text;
	params.rsize = sizeof (text);
	if (door_call(door, &params) == -1)
		return (-1);
	(void) snprintf(expected, sizeof (expected), "%zu bytes, 0.5", size);
	CHECK(strcmp(params.data_ptr, expected) == 0);
	return (0);
}

int
main(void)
{
	int door, i;

	(void) door_server_create(make_thread);
	CHECK((door = door_create(serve, NULL, 0)) != -1);
	for (i = 0; i < 10; i++) {
		CHECK(call(door, 0) == 0);
		CHECK(call(door, 2000) == 0);
		CHECK_FAILS(call(door, STACK), E2BIG);
	}
	return (0);
}
