/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Calling a door is a cancellation point.
 * Rules: CA-1 SI-2 SI-10
 */
#include <door.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"

static int door;
static volatile int serving, go_on, served, cleaned;

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) cookie, (void) dp, (void) n_desc;
	serving = 1;
	while (arg_size == 1 && *argp == 'w' && !go_on)
		(void) usleep(1000);
	served++;
	(void) door_return(argp, arg_size, NULL, 0);
}

static void
clean_up(void *arg)
{
	(void) arg;
	cleaned = 1;
}

/* arg: what to send; afterwards, what came back. */
static void *
client(void *arg)
{
	door_arg_t params;

	(void) memset(&params, 0, sizeof (params));
	params.data_ptr = params.rbuf = arg;
	params.data_size = params.rsize = 1;
	pthread_cleanup_push(clean_up, NULL);
	CHECK(door_call(door, &params) == 0);
	pthread_cleanup_pop(0);
	return (arg);
}

static void *
pending(void *arg)
{
	(void) pthread_cancel(pthread_self());
	return (client(arg));
}

static void *
disabled(void *arg)
{
	(void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return (client(arg));
}

static void *
run(void *(*start)(void *), char request, int cancel)
{
	pthread_t thread;
	void *result;

	serving = go_on = served = cleaned = 0;
	CHECK(pthread_create(&thread, NULL, start, &request) == 0);
	if (cancel) {
		while (!serving)
			(void) usleep(1000);
		(void) usleep(10000);
		CHECK(pthread_cancel(thread) == 0);
		(void) usleep(10000);
	}
	if (start == disabled)
		go_on = 1;
	CHECK(pthread_join(thread, &result) == 0);
	go_on = 1;
	return (result == &request ? NULL : result);
}

int
main(void)
{
	CHECK((door = door_create(serve, NULL, 0)) != -1);

	CHECK(run(client, 'x', 0) == NULL && served == 1);

	/* While the server works. */
	CHECK(run(client, 'w', 1) == PTHREAD_CANCELED);
	CHECK(cleaned);
	while (!served)
		(void) usleep(1000);

	/* Before the call. */
	CHECK(run(pending, 'x', 0) == PTHREAD_CANCELED);
	CHECK(cleaned && !serving);

	/* Not at all. */
	CHECK(run(disabled, 'w', 1) == NULL && served == 1);
	return (0);
}
