/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * With SOLARIS_DOORS_DEBUG in its environment, a program that falls into one
 * of the traps of doors is told, once. Without, nobody says a word.
 *
 * Rules: TP-2 TP-14 TP-26 XC-4 DE-13
 */
#include <door.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	door_desc_t desc;

	(void) cookie, (void) argp, (void) arg_size, (void) dp, (void) n_desc;
	desc.d_attributes = DOOR_DESCRIPTOR;
	desc.d_data.d_desc.d_descriptor = STDERR_FILENO;
	CHECK_FAILS(door_return(NULL, 0, &desc, 1), EMFILE);
	CHECK_FAILS(door_return(NULL, 0, &desc, 1), EMFILE);
	(void) door_return(NULL, 0, NULL, 0);
}

static int
seven(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
{
	(void) info, (void) startf, (void) arg, (void) cookie;
	return (7);
}

static int
decline(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
{
	pthread_t thread;

	(void) cookie;
	if (info->di_attributes & DOOR_DEPLETION_CB)
		return (0);
	return (pthread_create(&thread, NULL, startf, arg) == 0 ? 1 : -1);
}

static void
leave(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	(void) cookie, (void) argp, (void) arg_size, (void) dp, (void) n_desc;
	pthread_exit(NULL);
}

static void *
stray(void *arg)
{
	CHECK(door_bind(*(int *)arg) == 0);
	(void) door_return(NULL, 0, NULL, 0);
	return (NULL);
}

/* The traps. */
static void
private_with_default_threads(void)
{
	CHECK(door_create(serve, NULL, DOOR_PRIVATE) != -1);
	CHECK(door_create(serve, NULL, DOOR_PRIVATE) != -1);
}

static volatile int waiting;

static void *
unbound(void *arg)
{
	(void) __sync_fetch_and_add(&waiting, 1);
	(void) door_return(NULL, 0, NULL, 0);
	return (arg);
}

static void
forget_to_bind(door_info_t *info)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, unbound, info) == 0);
}

/* Until two such threads wait, and, if anything is to be said, something was. */
static void
await_threads(void)
{
	int patience = getenv("SOLARIS_DOORS_DEBUG") == NULL ? 5 : 500, bytes = 0;

	while (waiting < 2)
		(void) usleep(1000);
	do {
		(void) usleep(20000);
		CHECK(ioctl(STDERR_FILENO, FIONREAD, &bytes) == 0);
	} while (bytes == 0 && patience-- > 0);
}

static void
private_with_unbound_threads(void)
{
	(void) door_server_create(forget_to_bind);
	CHECK(door_create(serve, NULL, DOOR_PRIVATE) != -1);
	CHECK(door_create(serve, NULL, DOOR_PRIVATE) != -1);
	await_threads();
}

static void
all_is_well(void)
{
	(void) door_server_create(forget_to_bind);
	CHECK(door_create(serve, NULL, DOOR_NO_CANCEL) != -1);
	CHECK(door_create(serve, NULL, DOOR_PRIVATE) != -1);
	while (waiting < 2)
		(void) usleep(1000);
	(void) usleep(100000);
}

static void
strange_result(void)
{
	(void) door_xcreate(serve, NULL, 0, seven, NULL, NULL, 1);
}

static void
last_is_stray(void)
{
	pthread_t thread;
	int door;

	CHECK((door = door_xcreate(leave, NULL, 0, decline, NULL, NULL, 1)) != -1);
	CHECK_FAILS(door_call(door, NULL), EINTR);
	CHECK(pthread_create(&thread, NULL, stray, &door) == 0);
	(void) door_call(door, NULL);
}

static void
no_room_for_reply(void)
{
	struct rlimit few = { 0, 0 };
	door_arg_t arg;
	int door;

	(void) memset(&arg, 0, sizeof (arg));
	CHECK((door = door_create(serve, NULL, 0)) != -1);
	if (fork() == 0) {
		/* The client has room for no descriptor. */
		CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
		CHECK(door_call(door, &arg) == 0 && arg.desc_num == 0);
		_exit(0);
	}
	(void) wait(NULL);
}

/* Runs it in a child; returns how many lines it wrote, and that they say so. */
static int
said(void (*trap)(void), const char *word)
{
	struct rlimit none = { 0, 0 };
	char text[4096];
	size_t size = 0;
	ssize_t got;
	int ends[2], lines = 0;
	char *at;

	CHECK(pipe(ends) == 0);
	if (fork() == 0) {
		(void) setrlimit(RLIMIT_CORE, &none);
		(void) dup2(ends[1], STDERR_FILENO);
		(void) close(ends[0]);
		(void) close(ends[1]);
		trap();
		_exit(0);
	}
	(void) close(ends[1]);
	while ((got = read(ends[0], text + size, sizeof (text) - 1 - size)) > 0)
		size += got;
	(void) close(ends[0]);
	(void) wait(NULL);
	text[size] = 0;
	for (at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	if (lines > 0 && strstr(text, word) == NULL) {
		(void) fprintf(stderr, "%s", text);
		return (-1);
	}
	return (lines);
}

static void
all_say(int lines)
{
	CHECK(said(all_is_well, "") == 0);
	CHECK(said(private_with_default_threads, "default function") == lines);
	CHECK(said(private_with_unbound_threads, "without a door_bind") == lines);
	CHECK(said(strange_result, "neither") == lines);
	CHECK(said(last_is_stray, "bound itself") == lines);
	CHECK(said(no_room_for_reply, "EMFILE") == lines);
}

int
main(void)
{
	CHECK(unsetenv("SOLARIS_DOORS_DEBUG") == 0);
	all_say(0);
	CHECK(setenv("SOLARIS_DOORS_DEBUG", "1", 1) == 0);
	all_say(1);
	return (0);
}
