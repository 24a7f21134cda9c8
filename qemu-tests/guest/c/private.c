/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Doors with pools of their own, in the usual way: a thread creation function
 * whose threads wait until the door's descriptor is known, and bind to it.
 *
 * Rules: TP-1 TP-2 TP-11 TP-20 TP-21 TP-23 SC-2 BI-3 IF-4
 */
#include <door.h>
#include <synch.h>
#include <thread.h>
#include <unistd.h>

#include "check.h"

#define	DOORS	2

/* What is known of each door; its address is the door's cookie. */
static struct mine {
	int fd;
	int creations, depletions, threads;
	door_info_t *info;
} doors[DOORS];

static mutex_t lock = DEFAULTMUTEX;
static cond_t changed = DEFAULTCV;
static int shared_threads, busy;
static __thread struct mine *my_door;
static __thread int depleted_here;

/* arg: the information that the creation function was given, long ago by now. */
static void *
private_thread(void *arg)
{
	door_info_t *info = arg, queried;
	struct mine *mine = (struct mine *)info->di_data;

	(void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	(void) mutex_lock(&lock);
	while (mine->fd == -1)
		(void) cond_wait(&changed, &lock);
	mine->threads++;
	(void) mutex_unlock(&lock);
	CHECK(door_bind(mine->fd) == 0);
	CHECK(door_info(DOOR_QUERY, &queried) == 0);
	CHECK(queried.di_uniquifier == mine->info->di_uniquifier);
	my_door = mine;
	(void) door_return(NULL, 0, NULL, 0);
	return (NULL);
}

static void *
shared_thread(void *arg)
{
	(void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	(void) door_return(NULL, 0, NULL, 0);
	return (arg);
}

static void
make_thread(door_info_t *info)
{
	struct mine *mine;
	int error;

	if (info == NULL) {
		shared_threads++;
		CHECK(thr_create(NULL, 0, shared_thread, NULL, THR_BOUND | THR_DETACHED, NULL) == 0);
		return;
	}
	mine = (struct mine *)info->di_data;
	CHECK(mine == &doors[0] || mine == &doors[1]);
	CHECK(info->di_target == getpid());
	CHECK((info->di_attributes & (DOOR_PRIVATE | DOOR_LOCAL)) == (DOOR_PRIVATE | DOOR_LOCAL));
	(void) mutex_lock(&lock);
	if (info->di_attributes & DOOR_DEPLETION_CB) {
		/* On the thread that is about to serve, the last of this pool. */
		CHECK(my_door == mine);
		CHECK(info->di_uniquifier == mine->info->di_uniquifier);
		CHECK(info->di_proc == mine->info->di_proc);
		depleted_here = 1;
		mine->depletions++;
		/* The block is this thread's stack: give away the one that stays. */
		info = mine->info;
	} else {
		/* By door_create(), which has not returned yet. */
		CHECK(my_door == NULL && mine->fd == -1 && mine->info == NULL);
		mine->info = info;
		mine->creations++;
	}
	(void) mutex_unlock(&lock);
	error = thr_create(NULL, 0, private_thread, info, THR_BOUND | THR_DETACHED, NULL);
	CHECK(error == 0);
}

static void
serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
{
	int depleted = depleted_here;

	(void) dp, (void) n_desc;
	CHECK(cookie == my_door);
	depleted_here = 0;
	if (arg_size == 1 && *argp == 'w') {
		(void) mutex_lock(&lock);
		busy++;
		(void) cond_broadcast(&changed);
		while (busy != 0)
			(void) cond_wait(&changed, &lock);
		(void) mutex_unlock(&lock);
	}
	(void) door_return((char *)&depleted, sizeof (depleted), NULL, 0);
}

/* Whether the thread that served had just been told that its pool was empty. */
static int
call(int fd, const char *request)
{
	door_arg_t arg;
	int depleted;

	(void) memset(&arg, 0, sizeof (arg));
	arg.data_ptr = (char *)request;
	arg.data_size = strlen(request);
	arg.rbuf = (char *)&depleted;
	arg.rsize = sizeof (depleted);
	CHECK(door_call(fd, &arg) == 0);
	CHECK(arg.data_size == sizeof (depleted));
	return (depleted);
}

static void *
client(void *arg)
{
	(void) call(*(int *)arg, "w");
	return (NULL);
}

static void
make_door(struct mine *mine)
{
	int fd;

	mine->fd = -1;
	CHECK((fd = door_create((door_server_procedure_t *)serve, mine, DOOR_PRIVATE)) != -1);
	CHECK(mine->creations == 1 && mine->depletions == 0);
	(void) mutex_lock(&lock);
	mine->fd = fd;
	(void) cond_broadcast(&changed);
	(void) mutex_unlock(&lock);
}

static void
wait_busy(int wanted)
{
	(void) mutex_lock(&lock);
	while (busy != wanted)
		(void) cond_wait(&changed, &lock);
	(void) mutex_unlock(&lock);
}

int
main(void)
{
	thread_t clients[4];
	int shared, i, known;

	(void) door_server_create(make_thread);
	make_door(&doors[0]);
	make_door(&doors[1]);
	CHECK(doors[0].creations == 1);
	CHECK(shared_threads == 0);

	/* The first call of a pool of one always finds it empty. */
	CHECK(call(doors[0].fd, "") == 1);
	CHECK(doors[0].depletions == 1 && doors[1].depletions == 0);

	/* Four at once in one pool, which grows to five threads. */
	for (i = 0; i < 4; i++) {
		CHECK(thr_create(NULL, 0, client, &doors[0].fd, 0, &clients[i]) == 0);
		wait_busy(i + 1);
	}
	/* The other pool has nothing to do with it. */
	CHECK(doors[1].depletions == 0);
	CHECK(call(doors[1].fd, "") == 1);
	(void) mutex_lock(&lock);
	busy = 0;
	(void) cond_broadcast(&changed);
	(void) mutex_unlock(&lock);
	for (i = 0; i < 4; i++)
		CHECK(thr_join(clients[i], NULL, NULL) == 0);
	do {
		(void) usleep(1000);
		(void) mutex_lock(&lock);
		known = doors[0].threads;
		(void) mutex_unlock(&lock);
	} while (known < 1 + doors[0].depletions);
	CHECK(doors[0].depletions >= 4);

	/* Nor has the shared pool. */
	CHECK((shared = door_create((door_server_procedure_t *)serve, NULL, 0)) != -1);
	CHECK(shared_threads == 1);
	(void) call(shared, "");
	CHECK(shared_threads == 2);

	/* A revoked door's threads disturb nobody. */
	CHECK(door_revoke(doors[0].fd) == 0);
	CHECK(call(doors[1].fd, "") == 0 || doors[1].depletions > 1);
	return (0);
}
