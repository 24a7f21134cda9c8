/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * However a server thread ends, its clean-up is that of any thread: handlers
 * pushed in the procedure and destructors of thread-specific data, in the main
 * thread too.
 * Rules: RE-9 SI-30 TP-2 TP-15
 */
#include <door.h>
#include <pthread.h>
#include <unistd.h>
#include <sys/wait.h>

#include "check.h"

static pthread_key_t key;
static volatile int handlers, destructors;

static void
handler(void *arg)
{
	(void) arg;
	handlers++;
}

static void
destructor(void *arg)
{
	(void) arg;
	destructors++;
}

static void
end(void *arg)
{
	if (arg != NULL)
		pthread_exit(NULL);
}

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) cookie, (void) dp, (void) n_desc;
	(void) pthread_setspecific(key, &key);
	if (arg_size == 1 && *argp == 'h') {
		pthread_cleanup_push(handler, NULL);
		end(argp);
		pthread_cleanup_pop(0);
	}
	if (arg_size == 1 && *argp == 'e')
		end(argp);
	if (arg_size != 1)
		(void) door_return(argp, arg_size, NULL, 0);
	/* 'r': returns. */
}

static int
call(int door, const char *data, size_t size)
{
	door_arg_t params;
	char buf[16];

	(void) memset(&params, 0, sizeof (params));
	params.data_ptr = (char *)data;
	params.data_size = size;
	params.rbuf = buf;
	params.rsize = sizeof (buf);
	return (door_call(door, &params));
}

static void
await(volatile int *counter, int value)
{
	while (*counter != value)
		(void) usleep(1000);
}

/* A process whose main thread leaves and whose server threads keep it. */
static void
main_thread_leaves(void)
{
	int ends[2], door, status;
	char byte = 0;

	CHECK(pipe(ends) == 0);
	CHECK((door = door_create(serve, NULL, 0)) != -1);
	if (fork() == 0) {
		(void) close(ends[0]);
		CHECK(door_create(serve, NULL, 0) != -1);
		CHECK(write(ends[1], &byte, 1) == 1);
		pthread_exit(NULL);
	}
	(void) close(ends[1]);
	CHECK(read(ends[0], &byte, 1) == 1);
	(void) usleep(100000);
	CHECK(waitpid(-1, &status, WNOHANG) == 0);
	/* It does not end by itself. */
}

int
main(void)
{
	int door, i;

	CHECK(pthread_key_create(&key, destructor) == 0);
	CHECK((door = door_create(serve, NULL, 0)) != -1);
	for (i = 1; i <= 5; i++) {
		CHECK(call(door, "ok", 2) == 0);
		CHECK_FAILS(call(door, "r", 1), EINTR);
		await(&destructors, 3 * i - 2);
		CHECK_FAILS(call(door, "e", 1), EINTR);
		await(&destructors, 3 * i - 1);
		CHECK_FAILS(call(door, "h", 1), EINTR);
		await(&destructors, 3 * i);
		CHECK(handlers == i);
	}
	main_thread_leaves();
	return (0);
}
