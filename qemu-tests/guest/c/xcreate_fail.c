/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * door_xcreate() that fails: with which error, and that nothing is left of it,
 * neither the door nor a thread.
 *
 * Rules: XC-1 XC-3 XC-4 XC-5 XC-7 XC-8 CR-3 CR-4
 */
#include <door.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int lowest;
static volatile int calls, set_ups, ended;
/* What happens at the third call. */
static int result;

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) cookie, (void) argp, (void) arg_size, (void) dp, (void) n_desc;
	(void) door_return(NULL, 0, NULL, 0);
}

struct start {
	void *(*startf)(void *);
	void *arg;
};

static void *
thread(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	(void) start.startf(start.arg);
	(void) __sync_fetch_and_add(&ended, 1);
	return (NULL);
}

static int
start_one(void *(*startf)(void *), void *arg)
{
	struct start *start;
	pthread_t id;

	CHECK((start = malloc(sizeof (*start))) != NULL);
	start->startf = startf;
	start->arg = arg;
	CHECK(pthread_create(&id, NULL, thread, start) == 0);
	CHECK(pthread_detach(id) == 0);
	return (1);
}

static int
third_time(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
{
	(void) info, (void) cookie;
	if (++calls < 3)
		return (start_one(startf, arg));
	return (result);
}

static int
closing(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
{
	(void) info, (void) cookie;
	calls++;
	/* The number that the door will be known by. */
	(void) close(lowest);
	return (start_one(startf, arg));
}

/* The door's number goes to a door of the same kind: threads must not serve that one. */
static int
replacing(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
{
	(void) info;
	calls++;
	CHECK(dup2(*(int *)cookie, lowest) == lowest);
	return (start_one(startf, arg));
}

static int
never(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
{
	(void) info, (void) startf, (void) arg, (void) cookie;
	CHECK(!"asked for a thread");
	return (-1);
}

static void
set_up(void *cookie)
{
	(void) cookie;
	(void) __sync_fetch_and_add(&set_ups, 1);
}

/* The lowest free descriptor. */
static int
next_fd(void)
{
	int fd = open("/", O_RDONLY);

	CHECK(fd != -1 && close(fd) == 0);
	return (fd);
}

static void
fails(door_xcreate_server_func_t *function, int nthread, int error, int made)
{
	calls = set_ups = ended = 0;
	CHECK_FAILS(door_xcreate(serve, NULL, 0, function, set_up, NULL, nthread), error);
	CHECK(next_fd() == lowest);
	CHECK(set_ups == made);
	while (ended != made)
		(void) usleep(1000);
}

static void
other_results_abort(int other)
{
	struct rlimit none = { 0, 0 };
	int status;

	if (fork() == 0) {
		(void) setrlimit(RLIMIT_CORE, &none);
		result = other;
		(void) door_xcreate(serve, NULL, 0, third_time, set_up, NULL, 3);
		_exit(0);
	}
	CHECK(wait(&status) != -1);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void
out_of_descriptors(void)
{
	struct rlimit old, few;

	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	few = old;
	few.rlim_cur = lowest;
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK_FAILS(door_xcreate(serve, NULL, 0, never, NULL, NULL, 1), EMFILE);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
}

int
main(void)
{
	int other;

	lowest = next_fd();

	/* Arguments. */
	CHECK_FAILS(door_xcreate(serve, NULL, 0, never, NULL, NULL, 0), EINVAL);
	CHECK_FAILS(door_xcreate(serve, NULL, 0, never, NULL, NULL, -1), EINVAL);
	CHECK_FAILS(door_xcreate(serve, NULL, 0, NULL, NULL, NULL, 1), EINVAL);
	CHECK_FAILS(door_xcreate(serve, NULL, DOOR_PRIVCREATE, never, NULL, NULL, 1), EINVAL);
	CHECK_FAILS(door_xcreate(serve, NULL, 0x1000, never, NULL, NULL, 1), EINVAL);
	CHECK_FAILS(door_xcreate(serve, NULL, DOOR_LOCAL, never, NULL, NULL, 1), EINVAL);
	CHECK_FAILS(door_xcreate(serve, NULL, DOOR_UNREF | DOOR_UNREF_MULTI, never, NULL, NULL, 1),
	    EINVAL);
	/* What is for door_xcreate() is not for door_create(). */
	CHECK_FAILS(door_create(serve, NULL, DOOR_PRIVATE | DOOR_NO_DEPLETION_CB), EINVAL);
	CHECK_FAILS(door_create(serve, NULL, DOOR_PRIVATE | DOOR_PRIVCREATE), EINVAL);
	CHECK(next_fd() == lowest);
	out_of_descriptors();

	/* More threads than anybody has. */
	CHECK_FAILS(door_xcreate(serve, NULL, 0, never, NULL, NULL, INT_MAX), E2BIG);
	CHECK(next_fd() == lowest);

	/* The creation function. */
	result = 0;
	fails(third_time, 5, EINVAL, 2);
	CHECK(calls == 3);
	result = -1;
	fails(third_time, 5, EPIPE, 2);
	CHECK(calls == 3);
	calls = 2;
	CHECK_FAILS(door_xcreate(serve, NULL, 0, third_time, NULL, NULL, 1), EPIPE);
	other_results_abort(2);
	other_results_abort(-2);

	/* Threads that cannot bind. */
	fails(closing, 2, EBADF, 2);
	CHECK(calls == 2);

	/* Threads that would bind to another door. */
	CHECK((other = door_create(serve, NULL, DOOR_PRIVATE)) == lowest);
	lowest = next_fd();
	CHECK_FAILS(door_xcreate(serve, NULL, 0, replacing, NULL, &other, 2), EBADF);

	/* And none of this keeps another from working. */
	calls = -100;
	CHECK(door_xcreate(serve, NULL, 0, third_time, NULL, NULL, 2) != -1);
	return (0);
}
