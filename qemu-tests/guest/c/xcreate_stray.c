/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Functions that make a thread and then say that they did not, and threads
 * that begin when door_xcreate() has long returned: they end, and serve nobody.
 * Rules: XC-5 XC-6 XC-10
 */
#include <door.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"

static volatile int go_on, ended;
static int answer;

static struct {
	void *(*startf)(void *);
	void *arg;
} start;

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) cookie, (void) argp, (void) arg_size, (void) dp, (void) n_desc;
	(void) door_return(NULL, 0, NULL, 0);
}

static void *
late(void *arg)
{
	(void) arg;
	while (!go_on)
		(void) usleep(1000);
	(void) start.startf(start.arg);
	ended = 1;
	return (NULL);
}

static int
denies(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
{
	pthread_t thread;

	(void) info, (void) cookie;
	start.startf = startf;
	start.arg = arg;
	CHECK(pthread_create(&thread, NULL, late, NULL) == 0);
	CHECK(pthread_detach(thread) == 0);
	return (answer);
}

static void
attempt(int result, int error)
{
	volatile char stack[10000];

	go_on = ended = 0;
	answer = result;
	CHECK_FAILS(door_xcreate(serve, NULL, 0, denies, NULL, NULL, 1), error);
	/* What the frame of door_xcreate() left behind is gone. */
	(void) memset((char *)stack, 0x55, sizeof (stack));
	go_on = 1;
	while (!ended)
		(void) usleep(1000);
}

int
main(void)
{
	door_arg_t params;
	int door;

	attempt(0, EINVAL);
	attempt(-1, EPIPE);
	CHECK((door = door_create(serve, NULL, 0)) != -1);
	(void) memset(&params, 0, sizeof (params));
	CHECK(door_call(door, &params) == 0);
	return (0);
}
