/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server that goes away when nobody needs it any more: DOOR_UNREF.
 *
 * Rules: TP-12 UN-1 UN-2 UN-8 UN-9 UN-10 UN-12 UN-13 UC-3 SI-41 PA-4
 */
#include <door.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int door = -1;
static volatile int told;

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	door_info_t info;
	door_cred_t cred;

	CHECK(cookie == (void *)&door);
	if (argp == DOOR_UNREF_DATA) {
		CHECK(arg_size == 0 && dp == NULL && n_desc == 0);
		/* From nobody in particular. */
		CHECK(door_cred(&cred) == 0);
		CHECK(cred.dc_pid == 0);
		CHECK(cred.dc_euid == geteuid() && cred.dc_rgid == getgid());
		CHECK(door_info(door, &info) == 0);
		CHECK(info.di_attributes & DOOR_IS_UNREF);
		CHECK(!(info.di_attributes & DOOR_UNREF));
		/* There is nobody to reply to. */
		CHECK_FAILS(door_return((char *)&info, sizeof (info), NULL, 0), E2BIG);
		told++;
	}
	(void) door_return(NULL, 0, NULL, 0);
}

static int
threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int n = 0;

	CHECK(tasks != NULL);
	while (readdir(tasks) != NULL)
		n++;
	(void) closedir(tasks);
	return (n - 2);
}

static void
expect(int times)
{
	int patience = 1000;

	while (told != times && patience-- > 0)
		(void) usleep(10000);
	CHECK(told == times);
	/* Not more often, either. */
	(void) usleep(50000);
	CHECK(told == times);
}

static void
on_signal(int signal)
{
	(void) signal;
	CHECK(!"a signal reached the library's thread");
}

static void
make_none(door_info_t *info)
{
	(void) info;
}

/* Server threads that are made later inherit this. */
static void
block_signal(void)
{
	sigset_t usr1;

	(void) sigemptyset(&usr1);
	(void) sigaddset(&usr1, SIGUSR1);
	CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
}

static void
whole_life(void)
{
	door_info_t info;
	door_server_func_t *usual;
	sigset_t pending;
	int before, second, other;

	(void) signal(SIGUSR1, on_signal);
	/* A thread that waits for the last reference to go. No signal reaches it, though others are blocked only now. */
	before = threads();
	usual = door_server_create(make_none);
	CHECK((other = door_create(serve, &door, DOOR_UNREF_MULTI | DOOR_PRIVATE)) != -1);
	CHECK(threads() == before + 1);
	(void) door_server_create(usual);
	block_signal();
	/* One to serve. Nobody else has to wait. */
	CHECK((door = door_create(serve, &door, DOOR_UNREF)) != -1);
	CHECK(threads() == before + 2);
	CHECK(close(other) == 0);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	(void) usleep(50000);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);

	/* A new door has one reference, but nobody is told. */
	CHECK(door_info(door, &info) == 0);
	CHECK(info.di_attributes & DOOR_IS_UNREF);
	CHECK(info.di_attributes & DOOR_UNREF);
	expect(0);

	/* Two and one again. Limits on requests are not for this. */
	CHECK(door_setparam(door, DOOR_PARAM_DATA_MIN, 100) == 0);
	CHECK((second = dup(door)) != -1);
	CHECK(door_info(door, &info) == 0);
	CHECK(!(info.di_attributes & DOOR_IS_UNREF));
	CHECK(close(second) == 0);
	expect(1);
	CHECK(door_setparam(door, DOOR_PARAM_DATA_MIN, 0) == 0);

	/* Once and for all. */
	CHECK((second = dup(door)) != -1);
	CHECK(close(second) == 0);
	expect(1);
	CHECK(door_info(door, &info) == 0);
	CHECK(!(info.di_attributes & DOOR_UNREF));

	/* The door is as good as before. */
	CHECK(door_call(door, NULL) == 0);
	CHECK(close(door) == 0);
	expect(1);
}

/* Every thread of a server that gives up its privileges does, the library's too. */
static void
gives_up_root(void)
{
	char path[300], line[100];
	struct dirent *task;
	DIR *tasks;
	FILE *file;
	int second, uid, seen = 0;

	CHECK((door = door_create(serve, &door, DOOR_UNREF)) != -1);
	CHECK(setuid(1000) == 0);
	CHECK((tasks = opendir("/proc/self/task")) != NULL);
	while ((task = readdir(tasks)) != NULL) {
		if (task->d_name[0] == '.')
			continue;
		(void) snprintf(path, sizeof (path), "/proc/self/task/%s/status", task->d_name);
		CHECK((file = fopen(path, "r")) != NULL);
		while (fgets(line, sizeof (line), file) != NULL) {
			if (sscanf(line, "Uid: %d", &uid) == 1) {
				CHECK(uid == 1000);
				seen++;
			}
		}
		(void) fclose(file);
	}
	(void) closedir(tasks);
	CHECK(seen == 3);
	/* It was interrupted for that, and goes on waiting. */
	CHECK((second = dup(door)) != -1);
	CHECK(close(second) == 0);
	expect(1);
	_exit(0);
}

int
main(void)
{
	sigset_t none;
	pid_t child;
	int status;

	/* In this process, and then in a child, which has a thread of its own. */
	whole_life();
	told = 0;
	(void) fflush(stderr);
	if ((child = fork()) == 0) {
		/* A child has no signals pending. */
		(void) sigemptyset(&none);
		CHECK(pthread_sigmask(SIG_SETMASK, &none, NULL) == 0);
		whole_life();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	if ((child = fork()) == 0)
		gives_up_root();
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	return (0);
}
