/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Doors of door_xcreate() whose pools do not grow, and threads that join such
 * a pool by hand.
 *
 * Rules: TP-25 TP-26 TP-31 XC-2 XC-6 BI-2 SC-3
 */
#include <door.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define	THREADS	2

static volatile int made, bound, inside, served, hold, declines;
static __thread int is_stray;

static void
never(door_info_t *info)
{
	(void) info;
	CHECK(!"door_server_create()'s function was called");
}

static int
make_thread(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
{
	pthread_t thread;

	(void) cookie;
	if (info->di_attributes & DOOR_DEPLETION_CB) {
		CHECK(declines++ > 0);
		return (0);
	}
	made++;
	if (pthread_create(&thread, NULL, startf, arg) != 0)
		return (-1);
	CHECK(pthread_detach(thread) == 0);
	return (1);
}

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	int state, type;

	(void) cookie, (void) dp, (void) n_desc;
	/* As the library sets threads up if nobody else does. */
	CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0);
	CHECK(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type) == 0);
	CHECK(state == (is_stray ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE));
	CHECK(type == PTHREAD_CANCEL_DEFERRED);
	if (arg_size == 1 && *argp == 'w') {
		(void) __sync_fetch_and_add(&inside, 1);
		while (hold)
			(void) usleep(1000);
	}
	if (arg_size == 1 && *argp == 'e')
		pthread_exit(NULL);
	(void) __sync_fetch_and_add(&served, 1);
	(void) door_return(argp, arg_size, NULL, 0);
}

static int
call(int door, const char *request)
{
	door_arg_t arg;
	char byte;

	(void) memset(&arg, 0, sizeof (arg));
	arg.data_ptr = (char *)request;
	arg.data_size = strlen(request);
	arg.rbuf = &byte;
	arg.rsize = 1;
	return (door_call(door, &arg));
}

static void *
client(void *arg)
{
	CHECK(call(*(int *)arg, "w") == 0);
	return (NULL);
}

/* Binds itself, without the function that it was not given. */
static void *
stray(void *arg)
{
	CHECK(door_bind(*(int *)arg) == 0);
	is_stray = 1;
	bound++;
	(void) door_return(NULL, 0, NULL, 0);
	return (NULL);
}

static int
create(uint_t attributes)
{
	int door;

	made = 0;
	CHECK((door = door_xcreate(serve, NULL, attributes, make_thread, NULL, NULL, THREADS)) != -1);
	CHECK(made == THREADS);
	return (door);
}

/* Threads at work do not make the pool grow: the third caller waits. */
static void
fixed(void)
{
	pthread_t clients[THREADS + 1];
	door_info_t info;
	int door, i;

	door = create(DOOR_NO_DEPLETION_CB);
	CHECK(door_info(door, &info) == 0);
	CHECK((info.di_attributes & ~DOOR_IS_UNREF) ==
	    (DOOR_PRIVATE | DOOR_PRIVCREATE | DOOR_NO_DEPLETION_CB | DOOR_LOCAL));
	hold = 1;
	for (i = 0; i < THREADS + 1; i++)
		CHECK(pthread_create(&clients[i], NULL, client, &door) == 0);
	while (inside != THREADS)
		(void) usleep(1000);
	(void) usleep(100000);
	CHECK(inside == THREADS && served == 0);
	hold = 0;
	for (i = 0; i < THREADS + 1; i++)
		CHECK(pthread_join(clients[i], NULL) == 0);
	CHECK(served == THREADS + 1 && made == THREADS);

	/* One thread fewer, and then a stray one in its place. */
	CHECK_FAILS(call(door, "e"), EINTR);
	CHECK(call(door, "x") == 0);
	CHECK_FAILS(call(door, "e"), EINTR);
	CHECK(pthread_create(&clients[0], NULL, stray, &door) == 0);
	CHECK(call(door, "x") == 0);
	CHECK(made == THREADS && bound == 1);
}

/* A stray thread that is the last of a pool that could grow: nobody knows how to make another. */
static void
stray_aborts(void)
{
	struct rlimit none = { 0, 0 };
	pthread_t thread;
	int door, status;

	(void) fflush(stderr);
	if (fork() == 0) {
		(void) setrlimit(RLIMIT_CORE, &none);
		declines = 1;
		door = create(0);
		/* Both leave; whoever is the last is not replaced. */
		CHECK_FAILS(call(door, "e"), EINTR);
		CHECK_FAILS(call(door, "e"), EINTR);
		CHECK(declines >= 2);
		CHECK(pthread_create(&thread, NULL, stray, &door) == 0);
		(void) call(door, "x");
		CHECK(!"served by a stray thread");
	}
	CHECK(wait(&status) != -1);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int
main(void)
{
	(void) door_server_create(never);
	fixed();
	stray_aborts();
	return (0);
}
