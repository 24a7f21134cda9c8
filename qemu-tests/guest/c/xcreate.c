/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * door_xcreate(): the threads that a door begins with, and those it gets when
 * it runs out of them.
 *
 * Rules: XC-2 XC-4 XC-6 XC-9 TP-24 TP-20 IF-4
 */
#include <door.h>
#include <pthread.h>
#include <thread.h>
#include <unistd.h>

#include "check.h"

#define	FIRST	3

static int cookie, door = -1;
static pthread_t creator;
static volatile int calls, depletions, set_ups, inside, hold;
/* What the creation function answers next to a pool that is empty. */
static volatile int answer = 1;
static door_info_t *first_info;
static __thread int is_set_up, depleted_here;

struct start {
	void *(*startf)(void *);
	void *arg;
};

/* A thread may have a function of its own around the one it has to run. */
static void *
around(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	(void) start.startf(start.arg);
	CHECK(!"a thread that serves came back");
	return (NULL);
}

static int
make_thread(door_info_t *info, void *(*startf)(void *), void *arg, void *crcookie)
{
	struct start *start;

	CHECK(crcookie == &cookie);
	CHECK(info->di_target == getpid());
	CHECK((info->di_attributes & ~DOOR_IS_UNREF & ~DOOR_DEPLETION_CB) ==
	    (DOOR_PRIVATE | DOOR_PRIVCREATE | DOOR_LOCAL));
	if (info->di_attributes & DOOR_DEPLETION_CB) {
		CHECK(is_set_up);
		CHECK(info->di_uniquifier == first_info->di_uniquifier);
		depleted_here = 1;
		(void) __sync_fetch_and_add(&depletions, 1);
		if (answer != 1)
			return (answer);
	} else {
		CHECK(pthread_equal(pthread_self(), creator));
		CHECK(info->di_data == (door_ptr_t)&door);
		first_info = info;
		calls++;
	}
	if (calls % 2 == 0)
		return (thr_create(NULL, 0, startf, arg, THR_DETACHED, NULL) == 0 ? 1 : -1);
	CHECK((start = malloc(sizeof (*start))) != NULL);
	start->startf = startf;
	start->arg = arg;
	return (thr_create(NULL, 0, around, start, THR_DETACHED, NULL) == 0 ? 1 : -1);
}

/* Slow, so that a door_xcreate() that does not wait for its threads is found out. */
static void
set_up(void *crcookie)
{
	door_info_t info;

	CHECK(crcookie == &cookie);
	CHECK_FAILS(door_info(DOOR_QUERY, &info), EBADF);
	CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) == 0);
	(void) usleep(50000);
	is_set_up = 1;
	(void) __sync_fetch_and_add(&set_ups, 1);
}

static void
serve(void *door_cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	door_info_t info;
	int depleted = depleted_here;

	(void) argp, (void) dp, (void) n_desc;
	depleted_here = 0;
	CHECK(door_cookie == &door && is_set_up);
	CHECK(door_info(DOOR_QUERY, &info) == 0);
	CHECK(info.di_uniquifier == first_info->di_uniquifier);
	/* Whoever came in answer to the depletion is bound by now. */
	CHECK(!depleted || answer != 1 || set_ups == FIRST + depletions);
	if (arg_size == 1) {
		(void) __sync_fetch_and_add(&inside, 1);
		while (hold)
			(void) usleep(1000);
		(void) __sync_fetch_and_sub(&inside, 1);
	}
	(void) door_return((char *)&depleted, sizeof (depleted), NULL, 0);
}

static int
call(size_t size)
{
	door_arg_t arg;
	char byte = 'w';
	int depleted = -1;

	(void) memset(&arg, 0, sizeof (arg));
	arg.data_ptr = &byte;
	arg.data_size = size;
	arg.rbuf = (char *)&depleted;
	arg.rsize = sizeof (depleted);
	CHECK(door_call(door, &arg) == 0);
	return (depleted);
}

static void *
client(void *arg)
{
	(void) call(1);
	return (arg);
}

int
main(void)
{
	pthread_t clients[FIRST + 1];
	door_info_t info;
	int i;

	creator = pthread_self();
	door = door_xcreate(serve, &door, 0, make_thread, set_up, &cookie, FIRST);
	CHECK(door != -1);
	/* Every one of them is bound. */
	CHECK(calls == FIRST && set_ups == FIRST && depletions == 0);
	CHECK(door_info(door, &info) == 0);
	CHECK((info.di_attributes & ~DOOR_IS_UNREF) ==
	    (DOOR_PRIVATE | DOOR_PRIVCREATE | DOOR_LOCAL));
	CHECK(info.di_uniquifier == first_info->di_uniquifier);

	/* All but one at work: no need for more. */
	(void) usleep(100000);
	hold = 1;
	for (i = 0; i < FIRST - 1; i++) {
		CHECK(pthread_create(&clients[i], NULL, client, NULL) == 0);
		while (inside != i + 1)
			(void) usleep(1000);
	}
	CHECK(depletions == 0);

	/* The last: the function may decline, or fail, and the call is served all the same. */
	answer = 0;
	CHECK(call(0) == 1);
	CHECK(depletions == 1 && set_ups == FIRST);
	answer = -1;
	CHECK(call(0) == 1);
	CHECK(depletions == 2 && set_ups == FIRST);

	/* One more: by the time that the procedure runs, it is there. */
	depletions = 0;
	answer = 1;
	CHECK(call(0) == 1);
	CHECK(depletions == 1 && set_ups == FIRST + 1);
	(void) usleep(50000);
	CHECK(call(0) == 0);
	CHECK(depletions == 1);

	/* All at work, more to come. */
	for (; i < FIRST + 1; i++) {
		CHECK(pthread_create(&clients[i], NULL, client, NULL) == 0);
		while (inside != i + 1)
			(void) usleep(1000);
	}
	CHECK(depletions == 2 && set_ups == FIRST + 2);
	hold = 0;
	for (i = 0; i < FIRST + 1; i++)
		CHECK(pthread_join(clients[i], NULL) == 0);
	return (0);
}
