/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Doors and the children of vfork() and fork().
 *
 * Rules: CR-2 SI-40 SI-41 SI-42
 */
#include <door.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	pid_t pid = getpid();

	(void) cookie, (void) argp, (void) arg_size, (void) dp, (void) n_desc;
	(void) door_return((char *)&pid, sizeof (pid), NULL, 0);
}

static int
make_thread(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
{
	(void) info, (void) startf, (void) arg, (void) cookie;
	CHECK(!"a door was made");
	return (-1);
}

static pid_t
call(int door)
{
	door_arg_t arg;
	pid_t pid;

	(void) memset(&arg, 0, sizeof (arg));
	arg.rbuf = (char *)&pid;
	arg.rsize = sizeof (pid);
	CHECK(door_call(door, &arg) == 0);
	return (pid);
}

/* What a child of vfork() found; it has its parent's memory. */
static volatile int created, created_errno, xcreated, xcreated_errno, called;

static void
try_in_child(int door)
{
	int status;
	pid_t child = vfork();

	if (child == 0) {
		created = door_create(serve, NULL, 0);
		created_errno = errno;
		xcreated = door_xcreate(serve, NULL, 0, make_thread, NULL, NULL, 1);
		xcreated_errno = errno;
		called = door == -1 ? 0 : call(door);
		_exit(0);
	}
	CHECK(child != -1 && waitpid(child, &status, 0) == child && status == 0);
	CHECK(created == -1 && created_errno == ENOTSUP);
	CHECK(xcreated == -1 && xcreated_errno == ENOTSUP);
	CHECK(called == (door == -1 ? 0 : getpid()));
}

int
main(void)
{
	int door, theirs, status;
	pid_t child;

	/* Whether the parent has doors makes no difference. */
	try_in_child(-1);
	CHECK((door = door_create(serve, NULL, 0)) != -1);
	try_in_child(door);
	CHECK(call(door) == getpid());

	(void) fflush(stderr);
	if ((child = fork()) == 0) {
		CHECK(call(door) == getppid());
		CHECK((theirs = door_create(serve, NULL, 0)) != -1);
		CHECK(call(theirs) == getpid());
		CHECK(call(door) == getppid());
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	try_in_child(door);
	return (0);
}
