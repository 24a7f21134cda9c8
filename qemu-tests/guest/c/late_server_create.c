/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * door_server_create() after door_create(): the first thread is a default
 * one, later ones are the program's.
 * Rules: SC-1 TP-10 TP-22
 */
#include <door.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"

static __thread int is_ours;
static volatile int made, inside;

static void *
start(void *arg)
{
	(void) arg;
	is_ours = 1;
	(void) door_return(NULL, 0, NULL, 0);
	return (NULL);
}

static void
make_thread(door_info_t *info)
{
	pthread_t thread;

	CHECK(info == NULL);
	made++;
	CHECK(pthread_create(&thread, NULL, start, NULL) == 0);
	CHECK(pthread_detach(thread) == 0);
}

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	int ours = is_ours;

	(void) cookie, (void) argp, (void) arg_size, (void) dp, (void) n_desc;
	inside++;
	while (inside < 2)
		(void) usleep(1000);
	(void) door_return((char *)&ours, sizeof (ours), NULL, 0);
}

static void *
call(void *arg)
{
	door_arg_t params;
	int ours;

	(void) memset(&params, 0, sizeof (params));
	params.rbuf = (char *)&ours;
	params.rsize = sizeof (ours);
	CHECK(door_call(*(int *)arg, &params) == 0);
	return ((void *)(long)ours);
}

int
main(void)
{
	pthread_t one, two;
	void *ours_one, *ours_two;
	int door;

	CHECK((door = door_create(serve, NULL, 0)) != -1);
	CHECK(door_server_create(make_thread) != NULL);
	CHECK(made == 0);
	CHECK(pthread_create(&one, NULL, call, &door) == 0);
	while (inside == 0)
		(void) usleep(1000);
	CHECK(pthread_create(&two, NULL, call, &door) == 0);
	CHECK(pthread_join(one, &ours_one) == 0);
	CHECK(pthread_join(two, &ours_two) == 0);
	CHECK(ours_one == NULL);
	CHECK(ours_two == (void *)1L);
	CHECK(made == 2);
	return (0);
}
