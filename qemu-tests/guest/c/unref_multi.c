/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * DOOR_UNREF_MULTI, in the way it is used: a server makes a door for each of
 * its clients, gives it away, and cleans up after a client when its door comes
 * back unreferenced, whatever became of the client.
 *
 * Rules: UN-1 UN-2 UN-8 UN-9 UN-11 UN-12 UN-13 DE-3 DE-7
 */
#include <door.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define	SESSIONS 4
#define	PATH	"/tmp/unref_multi_door"

static struct session {
	int door;
	int calls, opened;
	volatile int unrefs;
	pid_t client;
} sessions[SESSIONS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int front;

static void
session_serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	struct session *session = cookie;
	door_info_t info;
	int calls;

	(void) arg_size, (void) dp, (void) n_desc;
	(void) pthread_mutex_lock(&lock);
	if (argp == DOOR_UNREF_DATA) {
		CHECK(door_info(session->door, &info) == 0);
		CHECK(info.di_attributes & DOOR_UNREF_MULTI);
		/* Somebody may have been given the door meanwhile: then it is not over. */
		if (info.di_attributes & DOOR_IS_UNREF) {
			session->unrefs++;
			session->client = 0;
		}
	} else {
		session->calls++;
	}
	calls = session->calls;
	(void) pthread_mutex_unlock(&lock);
	(void) door_return((char *)&calls, argp == DOOR_UNREF_DATA ? 0 : sizeof (calls), NULL, 0);
}

/* Gives the client a door of its own. */
static void
front_serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	struct session *session;
	ucred_t *uc = NULL;
	door_desc_t desc;

	(void) cookie, (void) argp, (void) arg_size, (void) dp, (void) n_desc;
	CHECK(door_ucred(&uc) == 0);
	(void) pthread_mutex_lock(&lock);
	for (session = sessions; session->client != 0; session++)
		CHECK(session < &sessions[SESSIONS]);
	session->client = ucred_getpid(uc);
	session->opened++;
	(void) pthread_mutex_unlock(&lock);
	ucred_free(uc);
	desc.d_attributes = DOOR_DESCRIPTOR;
	desc.d_data.d_desc.d_descriptor = session->door;
	(void) door_return(NULL, 0, &desc, 1);
}

/* In a client. */
static int
open_session(void)
{
	door_arg_t arg;
	door_desc_t desc;

	(void) memset(&arg, 0, sizeof (arg));
	arg.rbuf = (char *)&desc;
	arg.rsize = sizeof (desc);
	CHECK(door_call(front, &arg) == 0);
	CHECK(arg.desc_num == 1 && arg.desc_ptr == &desc);
	CHECK(desc.d_attributes & DOOR_UNREF_MULTI);
	CHECK(!(desc.d_attributes & DOOR_IS_UNREF));
	return (desc.d_data.d_desc.d_descriptor);
}

static int
use_session(int door)
{
	door_arg_t arg;
	int calls;

	(void) memset(&arg, 0, sizeof (arg));
	arg.rbuf = (char *)&calls;
	arg.rsize = sizeof (calls);
	CHECK(door_call(door, &arg) == 0);
	return (calls);
}

static void
wait_unrefs(int wanted)
{
	int patience = 1000, n, i;

	do {
		n = 0;
		(void) pthread_mutex_lock(&lock);
		for (i = 0; i < SESSIONS; i++)
			n += sessions[i].unrefs;
		(void) pthread_mutex_unlock(&lock);
		if (n != wanted)
			(void) usleep(10000);
	} while (n != wanted && patience-- > 0);
	CHECK(n == wanted);
	(void) usleep(30000);
	for (i = 0, n = 0; i < SESSIONS; i++)
		n += sessions[i].unrefs;
	CHECK(n == wanted);
}

/* One client's way to end. */
static void
client(char how)
{
	int session = open_session(), copy;
	int first = use_session(session);

	CHECK(use_session(session) == first + 1);
	switch (how) {
	case 'c':
		/* Closing is enough; the client lives on for a while. */
		CHECK((copy = dup(session)) != -1);
		CHECK(close(session) == 0);
		CHECK(use_session(copy) == first + 2);
		CHECK(close(copy) == 0);
		(void) usleep(50000);
		break;
	case 'k':
		(void) kill(getpid(), SIGKILL);
		break;
	case 'f':
		/* A child has it, too, and is the last to go. */
		if (fork() == 0) {
			(void) usleep(100000);
			CHECK(use_session(session) == first + 2);
			_exit(0);
		}
		break;
	}
	_exit(0);
}

/* Starts a client that waits for its turn, and returns where to tell it. */
static int
start_client(char how)
{
	int ends[2];
	char byte;

	CHECK(pipe(ends) == 0);
	if (fork() == 0) {
		(void) close(ends[1]);
		if (read(ends[0], &byte, 1) != 1)
			_exit(0);
		CHECK((front = open(PATH, O_RDONLY)) != -1);
		client(how);
	}
	(void) close(ends[0]);
	return (ends[1]);
}

static void
finish_client(void)
{
	int status;

	CHECK(wait(&status) != -1);
	CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

int
main(void)
{
	static const char ways[] = "eckfckefkc";
	int turns[sizeof (ways) - 1];
	int fd, i, n = sizeof (ways) - 1;

	/* A child would inherit doors, and its end would count: they are all there before. */
	for (i = 0; i < n; i++)
		turns[i] = start_client(ways[i]);
	for (i = 0; i < SESSIONS; i++) {
		sessions[i].door = door_create(session_serve, &sessions[i],
		    DOOR_UNREF_MULTI | DOOR_REFUSE_DESC | DOOR_NO_CANCEL);
		CHECK(sessions[i].door != -1);
	}
	CHECK((front = door_create(front_serve, NULL, DOOR_NO_CANCEL)) != -1);
	CHECK((fd = open(PATH, O_CREAT | O_RDWR, 0644)) != -1 && close(fd) == 0);
	(void) fdetach(PATH);
	CHECK(fattach(front, PATH) == 0);

	/* One after the other, in one door all of them. */
	for (i = 0; i < n - SESSIONS; i++) {
		CHECK(write(turns[i], "", 1) == 1);
		finish_client();
		wait_unrefs(i + 1);
	}
	CHECK(sessions[0].opened == n - SESSIONS && sessions[1].opened == 0);

	/* Several at once. */
	for (; i < n; i++)
		CHECK(write(turns[i], "", 1) == 1);
	for (i = 0; i < SESSIONS; i++)
		finish_client();
	wait_unrefs(n);

	/* A revoked door is nobody's business any more. */
	CHECK((fd = dup(sessions[0].door)) != -1);
	CHECK(door_revoke(sessions[0].door) == 0);
	CHECK(close(fd) == 0);
	wait_unrefs(n);
	CHECK(fdetach(PATH) == 0 && unlink(PATH) == 0);
	return (0);
}
