/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * door_bind(), door_unbind() and DOOR_QUERY: what they refuse, and which pool
 * a thread serves in afterwards.
 *
 * Rules: BI-1 BI-2 BI-3 BI-4 BI-6 TP-1 TP-2 TP-32 IN-1 RV-6 IF-6
 */
#include <door.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int private_door = -1, other_door = -1, shared_door = -1;
static volatile int ready;

/* Threads are made by hand here. */
static void
make_none(door_info_t *info)
{
	(void) info;
}

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	struct {
		unsigned long thread;
		int bound;
		door_id_t id;
		void *cookie;
	} reply;
	door_info_t info;

	(void) dp, (void) n_desc;
	(void) memset(&reply, 0, sizeof (reply));
	reply.thread = (unsigned long)pthread_self();
	reply.cookie = cookie;
	if (door_info(DOOR_QUERY, &info) == 0) {
		reply.bound = 1;
		reply.id = info.di_uniquifier;
	} else {
		CHECK(errno == EBADF);
	}
	if (arg_size == 1 && *argp == 'u')
		CHECK(door_unbind() == 0);
	if (arg_size == 1 && *argp == 'o')
		CHECK(door_bind(other_door) == 0);
	if (arg_size == 1 && *argp == 'e')
		pthread_exit(NULL);
	(void) door_return((char *)&reply, sizeof (reply), NULL, 0);
}

static door_id_t
id(int door)
{
	door_info_t info;

	CHECK(door_info(door, &info) == 0);
	return (info.di_uniquifier);
}

/* Calls; the thread that served must be bound as it should be. */
static unsigned long
call(int door, const char *request, int bound)
{
	struct {
		unsigned long thread;
		int bound;
		door_id_t id;
		void *cookie;
	} reply;
	door_arg_t arg;

	(void) memset(&arg, 0, sizeof (arg));
	arg.data_ptr = (char *)request;
	arg.data_size = strlen(request);
	arg.rbuf = (char *)&reply;
	arg.rsize = sizeof (reply);
	CHECK(door_call(door, &arg) == 0);
	CHECK(arg.data_size == sizeof (reply));
	CHECK(reply.bound == bound);
	CHECK(!bound || reply.id == id(door));
	return (reply.thread);
}

static void *
server(void *arg)
{
	door_info_t info;

	(void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	CHECK_FAILS(door_unbind(), EBADF);
	CHECK_FAILS(door_info(DOOR_QUERY, &info), EBADF);
	if (arg != NULL) {
		CHECK(door_bind(*(int *)arg) == 0);
		CHECK(door_info(DOOR_QUERY, &info) == 0);
		CHECK(info.di_uniquifier == id(*(int *)arg));
		CHECK(info.di_target == getpid());
		CHECK(info.di_attributes & DOOR_LOCAL);
	}
	ready++;
	(void) door_return(NULL, 0, NULL, 0);
	return (NULL);
}

static void
start(int *door)
{
	pthread_t thread;
	int now = ready;

	CHECK(pthread_create(&thread, NULL, server, door) == 0);
	CHECK(pthread_detach(thread) == 0);
	while (ready == now)
		(void) usleep(1000);
}

/* A call that nobody serves waits, until the alarm interrupts it. */
static void
on_alarm(int signal)
{
	(void) signal;
}

static void
nobody_serves(int door)
{
	struct sigaction action;
	door_arg_t arg;

	(void) memset(&arg, 0, sizeof (arg));
	(void) memset(&action, 0, sizeof (action));
	action.sa_handler = on_alarm;
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	(void) ualarm(100000, 0);
	CHECK_FAILS(door_call(door, &arg), EAGAIN);
}

static void
refuses(void)
{
	int ends[2], status;
	door_info_t info;

	CHECK(pipe(ends) == 0);
	CHECK_FAILS(door_bind(ends[0]), EBADF);
	CHECK_FAILS(door_bind(-1), EBADF);
	CHECK_FAILS(door_bind(1000), EBADF);
	CHECK_FAILS(door_bind(shared_door), EINVAL);
	CHECK_FAILS(door_unbind(), EBADF);
	CHECK_FAILS(door_info(DOOR_QUERY, &info), EBADF);
	(void) fflush(stderr);
	if (fork() == 0) {
		/* The parent's door. */
		CHECK_FAILS(door_bind(private_door), EINVAL);
		_exit(0);
	}
	CHECK(wait(&status) != -1 && status == 0);
}

int
main(void)
{
	unsigned long first, second;
	door_info_t info;
	int dup_of_other;

	(void) door_server_create(make_none);
	CHECK((private_door = door_create(serve, "private", DOOR_PRIVATE)) != -1);
	CHECK((other_door = door_create(serve, "other", DOOR_PRIVATE)) != -1);
	CHECK((shared_door = door_create(serve, "shared", 0)) != -1);
	refuses();

	/* A thread that did not bind serves the shared pool only. */
	start(NULL);
	(void) call(shared_door, "", 0);
	nobody_serves(private_door);

	/* One that did serves its door only. */
	start(&private_door);
	first = call(private_door, "", 1);
	CHECK(call(private_door, "", 1) == first);
	CHECK(call(shared_door, "", 0) != first);
	nobody_serves(other_door);

	/* Binding while serving counts from the next door_return() on. */
	CHECK(call(private_door, "o", 1) == first);
	CHECK(call(other_door, "", 1) == first);
	nobody_serves(private_door);
	/* Binding again to the same door changes nothing. */
	CHECK(call(other_door, "o", 1) == first);
	CHECK(call(other_door, "", 1) == first);

	/* And so does unbinding: now the shared pool has two, and the last one in serves. */
	CHECK(call(other_door, "u", 1) == first);
	CHECK(call(shared_door, "", 0) == first);
	nobody_serves(other_door);

	/* A thread that exits is bound no more; its door goes on with others. */
	start(&other_door);
	{
		door_arg_t arg;
		char byte = 'e';

		(void) memset(&arg, 0, sizeof (arg));
		arg.data_ptr = &byte;
		arg.data_size = 1;
		CHECK_FAILS(door_call(other_door, &arg), EINTR);
	}
	nobody_serves(other_door);
	start(&other_door);
	second = call(other_door, "", 1);
	CHECK(second != first);

	/* A revoked door may be bound, and asked about, though nobody can call it. */
	CHECK((dup_of_other = dup(other_door)) != -1);
	CHECK(door_revoke(other_door) == 0);
	CHECK(door_bind(dup_of_other) == 0);
	CHECK(door_info(DOOR_QUERY, &info) == 0);
	CHECK(info.di_attributes & DOOR_REVOKED);
	/* The binding keeps the door. */
	CHECK(close(dup_of_other) == 0);
	CHECK(door_info(DOOR_QUERY, &info) == 0);
	CHECK((char *)info.di_data != NULL && strcmp((char *)info.di_data, "other") == 0);
	CHECK(door_unbind() == 0);
	CHECK_FAILS(door_unbind(), EBADF);
	CHECK_FAILS(door_info(DOOR_QUERY, &info), EBADF);
	return (0);
}
